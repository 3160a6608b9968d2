/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/packed_depthwise_conv2d.h"

#include "sapmcu/packed_conv2d.h"
#include "sapmcu/requantize.h"

enum { ROWS = 3, COLUMNS = 3, FOUR_WORDS = 4 + 6 * COLUMNS + 8 };

/* Of channel c of four, a tap, by 2^(n-8). */
static int32_t filter_at(const int32_t *four, uint32_t c, uint32_t row, uint32_t column) {
    const int32_t *const words = four + 4 + 6 * column;
    const uint32_t word = (uint32_t)(row < 2 ? words[c] : words[4 + c % 2]);
    const uint32_t is_high = row < 2 ? row : c / 2;
    return (int16_t)(is_high ? word >> 16 : word);
}

static int8_t compute(const sapmcu_packed_depthwise_conv2d_s8_params *p, const int8_t *const *rows,
                      int32_t column, uint32_t channel, const int32_t *four, uint32_t c) {
    const int32_t *const factor = four + 4 + 6 * COLUMNS + 2 * c;
    int32_t sum = four[c];
    for (uint32_t ky = 0; ky < ROWS; ky++) {
        for (uint32_t kx = 0; kx < COLUMNS; kx++) {
            const int32_t at = column + (int32_t)kx;
            const int is_inside = at >= 0 && at < p->in_width;
            const int32_t x = is_inside ? rows[ky][(uint32_t)at * p->channels + channel] : p->x_zero_point;
            sum = sapmcu_wrapping_add(sum, 256 * x * filter_at(four, c, ky, kx));
        }
    }
    const int32_t negative = p->shift > 0 && sum < 0 ? four[FOUR_WORDS + c] : 0;
    const int32_t high = (int32_t)(((int64_t)sum * factor[0]) >> 32);
    const int32_t scaled = high + sapmcu_wrapping_add(factor[1], negative);
    return sapmcu_clamp(scaled >> (p->shift > 0 ? p->shift : SAPMCU_FRACTION_BITS), p->low, p->high);
}

/* Four channels of some pixels, which are written when all are computed, since y may be a row of x. */
static void compute_four(const sapmcu_packed_depthwise_conv2d_s8_params *p, const int8_t *const *rows,
                         int32_t column, uint32_t channel, const int32_t *four, uint32_t pixels, int8_t *y) {
    int8_t results[SAPMCU_DEPTHWISE_ROW_COLUMNS][4];
    for (uint32_t ox = 0; ox < pixels; ox++) {
        for (uint32_t c = 0; c < 4; c++) {
            results[ox][c] = compute(p, rows, column, channel + c, four, c);
        }
        column += p->stride_width;
    }
    for (uint32_t ox = 0; ox < pixels; ox++) {
        for (uint32_t c = 0; c < 4; c++) {
            y[ox * p->channels + c] = results[ox][c];
        }
    }
}

void sapmcu_packed_depthwise_conv2d_row_s8(const void *params, const int8_t *const *rows, int8_t *y,
                                           void *scratch) {
    const sapmcu_packed_depthwise_conv2d_s8_params *const p = params;
    const uint32_t stride = p->stride_width, most = (SAPMCU_DEPTHWISE_ROW_COLUMNS - COLUMNS) / stride + 1;
    int32_t column = -(int32_t)p->pad_left;
    (void)scratch;
    for (uint32_t left = p->out_width; left > 0;) {
        const uint32_t pixels = left < most ? left : most;
        const int32_t *four = p->filter;
        for (uint32_t first = 0; first < p->channels; first += 4) {
            const uint32_t start = first + 4 > p->channels ? p->channels - 4U : first;
            compute_four(p, rows, column, start, four, pixels, y + start);
            four += FOUR_WORDS + (p->shift > 0 ? 4 : 0);
        }
        y += pixels * p->channels;
        column += (int32_t)(pixels * stride);
        left -= pixels;
    }
}
