/* SPDX-License-Identifier: Apache-2.0 */
/* The channels of a pixel side by side, in loops that a compiler turns into vectors. */
#include "sapmcu/depthwise_conv2d.h"
#include "sapmcu/requantize.h"

#include <string.h>

enum { CHANNELS = 64 };

/* Of one tap, what output channels o.. read; expanded where several of them read one channel. */
static const int8_t *inputs_of(const int8_t *x, uint32_t multiplier, uint32_t o, uint32_t channels,
                               int8_t *expanded) {
    if (multiplier == 1) {
        return x + o;
    }
    for (uint32_t i = 0; i < channels; i++) {
        expanded[i] = x[(o + i) / multiplier];
    }
    return expanded;
}

/* The results of output channels o.. of one pixel, in variables that no store can change. */
static void write_channels(const sapmcu_depthwise_conv2d_s8_params *p, const uint32_t *sums, uint32_t o,
                           uint32_t channels, int8_t *y) {
    const int32_t *const multiplier = p->multiplier + o;
    const int8_t *const shift = p->shift + o;
    const int32_t zero_point = p->y_zero_point, low = p->low, high = p->high;
    int8_t results[CHANNELS];
    for (uint32_t i = 0; i < channels; i++) {
        results[i] = sapmcu_requantize_s8((int32_t)sums[i], multiplier[i], shift[i], zero_point, low, high);
    }
    memcpy(y, results, channels);
}

/* Output channels o.. of one pixel. column: of x, under the window's first tap. */
static void compute(const sapmcu_depthwise_conv2d_s8_params *p, const int8_t *const *rows, int32_t column,
                    uint32_t o, uint32_t channels, int8_t *y) {
    const int8_t *filter = p->filter + o;
    uint32_t sums[CHANNELS];
    for (uint32_t i = 0; i < channels; i++) {
        sums[i] = (uint32_t)p->bias[o + i];
    }
    for (uint32_t ky = 0; ky < p->kernel_height; ky++) {
        int32_t tap = column;
        for (uint32_t kx = 0; kx < p->kernel_width; kx++) {
            const int is_inside = tap >= 0 && tap < p->in_width;
            const int8_t *const pixel = is_inside ? rows[ky] + (uint32_t)tap * p->in_channels : p->zero_row;
            int8_t expanded[CHANNELS];
            const int8_t *const x = inputs_of(pixel, p->channel_multiplier, o, channels, expanded);
            for (uint32_t i = 0; i < channels; i++) {
                sums[i] += (uint32_t)(x[i] * filter[i]);
            }
            filter += p->in_channels * p->channel_multiplier;
            tap += p->dilation_width;
        }
    }
    write_channels(p, sums, o, channels, y);
}

void sapmcu_depthwise_conv2d_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_depthwise_conv2d_s8_params *const p = params;
    const uint32_t out_channels = (uint32_t)p->in_channels * p->channel_multiplier;
    int32_t column = -(int32_t)p->pad_left;
    (void)scratch;
    for (uint32_t ox = 0; ox < p->out_width; ox++) {
        for (uint32_t o = 0; o < out_channels; o += CHANNELS) {
            const uint32_t left = out_channels - o;
            compute(p, rows, column, o, left < CHANNELS ? left : CHANNELS, y + o);
        }
        y += out_channels;
        column += p->stride_width;
    }
}
