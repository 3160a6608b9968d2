/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/depthwise_conv2d.h"
#include "sapmcu/requantize.h"

/* The sum of one pixel and output channel. column: of x, under the window's first tap. */
static int32_t window_sum(const sapmcu_depthwise_conv2d_s8_params *p, const int8_t *const *rows,
                          int32_t column, uint32_t in_channel, uint32_t out_channel) {
    const int8_t *filter = p->filter + out_channel;
    uint32_t sum = 0;
    for (uint32_t ky = 0; ky < p->kernel_height; ky++) {
        int32_t tap = column;
        for (uint32_t kx = 0; kx < p->kernel_width; kx++) {
            const int is_inside = tap >= 0 && tap < p->in_width;
            const int8_t *const x = is_inside ? rows[ky] + (uint32_t)tap * p->in_channels : p->zero_row;
            sum += (uint32_t)(x[in_channel] * *filter);
            filter += p->in_channels * p->channel_multiplier;
            tap += p->dilation_width;
        }
    }
    return (int32_t)sum;
}

void sapmcu_depthwise_conv2d_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_depthwise_conv2d_s8_params *const p = params;
    int32_t column = -(int32_t)p->pad_left;
    (void)scratch;
    for (uint32_t ox = 0; ox < p->out_width; ox++) {
        uint32_t o = 0;
        for (uint32_t c = 0; c < p->in_channels; c++) {
            for (uint32_t m = 0; m < p->channel_multiplier; m++, o++) {
                const int32_t sum = sapmcu_wrapping_add(window_sum(p, rows, column, c, o), p->bias[o]);
                *y++ = sapmcu_requantize_s8(sum, p->multiplier[o], p->shift[o], p->y_zero_point, p->low,
                                            p->high);
            }
        }
        column += p->stride_width;
    }
}
