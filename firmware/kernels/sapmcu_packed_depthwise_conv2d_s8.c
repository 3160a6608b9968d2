/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/packed_conv2d.h"
#include "sapmcu/packed_depthwise_conv2d.h"
#include "sapmcu/requantize.h"

enum { ROWS = 3, COLUMNS = 3, CHANNELS = 4, PAIR_WORDS = 18 };

/* Four rows of four channels, so that y may be x. */
typedef struct {
    int8_t x[ROWS + 1][CHANNELS];
} column;

/* Of channel c of four, a tap, by 2^(n-8). */
static int32_t filter_at(const int32_t *four, uint32_t c, uint32_t row, uint32_t kx) {
    const int32_t *const words = four + c / 2 * PAIR_WORDS + 2 + 4 * kx + c % 2;
    return (int16_t)(row == 0 ? (uint32_t)words[0] : (uint32_t)words[2] >> (row == 1 ? 0 : 16));
}

/* Columns from `first` on: rows 2 and 3 become rows 0 and 1; two rows of the image follow. */
static void shift_rows(const sapmcu_rows *geometry, const sapmcu_packed_depthwise_conv2d_s8_params *p,
                       const int8_t *x, int32_t row, int32_t first, column *to, const column *end) {
    for (int32_t at = first; to < end; at++, to++) {
        for (uint32_t k = 0; k < 2; k++) {
            const int32_t of = row + (int32_t)k;
            const int is_inside = at >= 0 && at < p->in_width && of >= 0 && of < geometry->in_rows;
            const uint32_t offset = (uint32_t)of * geometry->in_row_bytes + (uint32_t)at * p->channels;
            for (uint32_t c = 0; c < CHANNELS; c++) {
                to->x[k][c] = to->x[k + 2][c];
                to->x[k + 2][c] = is_inside ? x[offset + c] : p->x_zero_point;
            }
        }
    }
}

static int8_t compute(const sapmcu_packed_depthwise_conv2d_s8_params *p, const column *window, uint32_t upper,
                      uint32_t c, const int32_t *four) {
    const int32_t *const pair = four + c / 2 * PAIR_WORDS, *const factor = pair + 14 + c % 2 * 2;
    int32_t sum = pair[c % 2];
    for (uint32_t ky = 0; ky < ROWS; ky++) {
        for (uint32_t kx = 0; kx < COLUMNS; kx++) {
            sum = sapmcu_wrapping_add(sum, 256 * window[kx].x[upper + ky][c] * filter_at(four, c, ky, kx));
        }
    }
    const int32_t high = (int32_t)(((int64_t)sum * factor[0]) >> 32);
    return sapmcu_clamp((high + factor[1]) >> SAPMCU_FRACTION_BITS, p->low, p->high);
}

/* Some pixels of all rows; four channels. first: column of their first window. */
static void compute_part(const sapmcu_rows *geometry, const sapmcu_packed_depthwise_conv2d_s8_params *p,
                         const int8_t *x, int8_t *y, column *columns, int32_t first, uint32_t pixels,
                         const int32_t *four) {
    const column *const end = columns + (pixels - 1) * p->stride_width + COLUMNS;
    int32_t row = -(int32_t)geometry->pad_top;
    shift_rows(geometry, p, x, row, first, columns, end);
    for (uint32_t o = 0; o < geometry->out_rows; o++, y += geometry->out_row_bytes) {
        const uint32_t upper = geometry->stride == 1 ? o % 2 : 0;
        if (upper == 0) {
            row += 2;
            shift_rows(geometry, p, x, row, first, columns, end);
        }
        for (uint32_t ox = 0; ox < pixels; ox++) {
            for (uint32_t c = 0; c < CHANNELS; c++) {
                y[ox * p->channels + c] = compute(p, columns + ox * p->stride_width, upper, c, four);
            }
        }
    }
}

void sapmcu_packed_depthwise_conv2d_s8(const sapmcu_rows *geometry,
                                       const sapmcu_packed_depthwise_conv2d_s8_params *params,
                                       const int8_t *x, int8_t *y, void *scratch, uint32_t room) {
    const sapmcu_packed_depthwise_conv2d_s8_params *const p = params;
    const uint32_t most = (room - COLUMNS) / p->stride_width + 1;
    for (uint32_t done = 0; done < p->out_width; done += most) {
        const uint32_t pixels = p->out_width - done < most ? p->out_width - done : most;
        const int32_t at = (int32_t)(done * p->stride_width) - p->pad_left;
        const int32_t *four = p->filter;
        for (uint32_t first = 0; first < p->channels; first += CHANNELS, four += 2 * PAIR_WORDS) {
            const uint32_t channel = first + CHANNELS > p->channels ? p->channels - 4U : first;
            int8_t *const to = y + done * p->channels + channel;
            compute_part(geometry, p, x + channel, to, scratch, at, pixels, four);
        }
    }
}
