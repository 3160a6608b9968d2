/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/conv2d.h"
#include "sapmcu/requantize.h"

/* The sum of one pixel and output channel. column: of x, under the window's first tap; x, filter: of the
 * channel's group. */
static int32_t window_sum(const sapmcu_conv2d_s8_params *p, const int8_t *const *rows, int32_t column,
                          uint32_t first_channel, const int8_t *filter) {
    const uint32_t depth = p->in_channels / p->groups;
    uint32_t sum = 0;
    for (uint32_t ky = 0; ky < p->kernel_height; ky++) {
        int32_t tap = column;
        for (uint32_t kx = 0; kx < p->kernel_width; kx++) {
            const int is_inside = tap >= 0 && tap < p->in_width;
            const int8_t *const x = is_inside ? rows[ky] + (uint32_t)tap * p->in_channels : p->zero_row;
            for (uint32_t c = 0; c < depth; c++) {
                sum += (uint32_t)(x[first_channel + c] * filter[c]);
            }
            filter += depth;
            tap += p->dilation_width;
        }
    }
    return (int32_t)sum;
}

void sapmcu_conv2d_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_conv2d_s8_params *const p = params;
    const uint32_t depth = p->in_channels / p->groups, group_channels = p->out_channels / p->groups;
    const uint32_t filter_bytes = p->kernel_height * p->kernel_width * depth;
    int32_t column = -(int32_t)p->pad_left;
    (void)scratch;
    for (uint32_t ox = 0; ox < p->out_width; ox++) {
        for (uint32_t o = 0; o < p->out_channels; o++) {
            const int32_t sum =
                window_sum(p, rows, column, o / group_channels * depth, p->filter + o * filter_bytes);
            *y++ = sapmcu_requantize_s8(sapmcu_wrapping_add(sum, p->bias[o]), p->multiplier[o], p->shift[o],
                                        p->y_zero_point, p->low, p->high);
        }
        column += p->stride_width;
    }
}
