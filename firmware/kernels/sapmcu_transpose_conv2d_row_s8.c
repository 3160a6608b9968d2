/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/requantize.h"
#include "sapmcu/transpose_conv2d.h"

/* The sum of one pixel and output channel. column: of y, counted from what is cut off on. */
static int32_t window_sum(const sapmcu_transpose_conv2d_s8_params *p, const int8_t *const *rows,
                          int32_t column, const int8_t *filter) {
    uint32_t sum = 0;
    for (uint32_t ky = 0; ky < p->kernel_height; ky++) {
        for (int32_t kx = 0; kx < p->kernel_width; kx++, filter += p->in_channels) {
            const int32_t distance = column - kx, i = distance / p->stride_width;
            if (rows[ky] == 0 || distance < 0 || distance % p->stride_width != 0 || i >= p->in_width) {
                continue;
            }
            const int8_t *const x = rows[ky] + (uint32_t)i * p->in_channels;
            for (uint32_t c = 0; c < p->in_channels; c++) {
                sum += (uint32_t)((x[c] - p->x_zero_point) * filter[c]);
            }
        }
    }
    return (int32_t)sum;
}

void sapmcu_transpose_conv2d_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_transpose_conv2d_s8_params *const p = params;
    const uint32_t filter_bytes = (uint32_t)p->kernel_height * p->kernel_width * p->in_channels;
    (void)scratch;
    for (int32_t ox = 0; ox < p->out_width; ox++) {
        for (uint32_t o = 0; o < p->out_channels; o++) {
            const int32_t sum = window_sum(p, rows, ox + p->pad_left, p->filter + o * filter_bytes);
            *y++ = sapmcu_requantize_s8(sapmcu_wrapping_add(sum, p->bias[o]), p->multiplier[o], p->shift[o],
                                        p->y_zero_point, p->low, p->high);
        }
    }
}
