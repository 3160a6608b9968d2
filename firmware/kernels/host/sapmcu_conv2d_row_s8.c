/* SPDX-License-Identifier: Apache-2.0 */
/* Sixteen pixels at a time, in vectors of gcc and clang, whatever instructions the host has for them. The
 * numbers under the windows are gathered TAPS at a time and multiplied with that part of the filters of
 * CHANNELS channels. */
#include "sapmcu/conv2d.h"
#include "sapmcu/requantize.h"

#include <string.h>

#ifdef __AVX2__
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif
enum { PIXELS = 16, PARTS = PIXELS / LANES, TAPS = 256, CHANNELS = 64 };

typedef uint32_t lanes __attribute__((vector_size(4 * LANES)));

/* One number of each pixel's window. */
typedef union {
    lanes parts[PARTS];
    int32_t of[PIXELS];
} numbers;

/* Where gathering goes on. */
typedef struct {
    uint32_t ky, kx, channel;
} place;

/* first: of the group's channels; column: of x, under the window's first tap. */
static const int8_t *tap_of(const sapmcu_conv2d_s8_params *p, const int8_t *const *rows, int32_t column,
                            uint32_t first, const place *at) {
    const int32_t tap = column + (int32_t)(at->kx * p->dilation_width);
    const int is_inside = tap >= 0 && tap < p->in_width;
    return (is_inside ? rows[at->ky] + (uint32_t)tap * p->in_channels : p->zero_row) + first + at->channel;
}

/* The next `count` numbers of one pixel's window, into its lane. */
static void gather(const sapmcu_conv2d_s8_params *p, const int8_t *const *rows, int32_t column,
                   uint32_t first, place *at, numbers *to, uint32_t pixel, uint32_t count) {
    const uint32_t depth = p->in_channels / p->groups;
    while (count > 0) {
        const int8_t *const from = tap_of(p, rows, column, first, at);
        const uint32_t left = depth - at->channel, here = left < count ? left : count;
        for (uint32_t i = 0; i < here; i++, to++) {
            to->of[pixel] = from[i];
        }
        count -= here;
        at->channel += here;
        if (at->channel == depth) {
            at->channel = 0;
            at->kx++;
        }
        if (at->kx == p->kernel_width) {
            at->kx = 0;
            at->ky++;
        }
    }
}

/* Add the products of `count` numbers. filter: those of the first channel; stride: from channel to channel.
 */
static void add_products(const numbers *x, uint32_t count, const int8_t *filter, uint32_t stride,
                         numbers *sums, uint32_t channels) {
    for (uint32_t o = 0; o < channels; o++, filter += stride) {
        numbers sum = sums[o];
        for (uint32_t i = 0; i < count; i++) {
            for (uint32_t part = 0; part < PARTS; part++) {
                sum.parts[part] += x[i].parts[part] * (uint32_t)filter[i];
            }
        }
        sums[o] = sum;
    }
}

/* The results of `channels` channels from o on. */
static void write_channels(const sapmcu_conv2d_s8_params *p, const numbers *sums, uint32_t o,
                           uint32_t channels, uint32_t pixels, int8_t *y) {
    for (uint32_t c = 0; c < channels; c++) {
        int8_t results[PIXELS];
        for (uint32_t i = 0; i < PIXELS; i++) {
            results[i] =
                sapmcu_requantize_s8(sapmcu_wrapping_add(sums[c].of[i], p->bias[o + c]), p->multiplier[o + c],
                                     p->shift[o + c], p->y_zero_point, p->low, p->high);
        }
        for (uint32_t i = 0; i < pixels; i++) {
            y[i * p->out_channels + o + c] = results[i];
        }
    }
}

/* `channels` channels from o on, all of one group, of `pixels` pixels from ox on. */
static void compute(const sapmcu_conv2d_s8_params *p, const int8_t *const *rows, uint32_t ox, uint32_t pixels,
                    uint32_t o, uint32_t channels, int8_t *y) {
    const uint32_t depth = p->in_channels / p->groups;
    const uint32_t taps = (uint32_t)p->kernel_height * p->kernel_width * depth;
    const uint32_t first = o / (p->out_channels / p->groups) * depth;
    place at[PIXELS] = {{0, 0, 0}};
    numbers sums[CHANNELS], x[TAPS];
    memset(sums, 0, channels * sizeof *sums);
    if (pixels < PIXELS) {
        memset(x, 0, (taps < TAPS ? taps : TAPS) * sizeof *x);
    }
    for (uint32_t done = 0; done < taps; done += TAPS) {
        const uint32_t left = taps - done, count = left < TAPS ? left : TAPS;
        for (uint32_t i = 0; i < pixels; i++) {
            const int32_t column = (int32_t)((ox + i) * p->stride_width) - p->pad_left;
            gather(p, rows, column, first, at + i, x, i, count);
        }
        add_products(x, count, p->filter + o * taps + done, taps, sums, channels);
    }
    write_channels(p, sums, o, channels, pixels, y);
}

void sapmcu_conv2d_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_conv2d_s8_params *const p = params;
    const uint32_t group_channels = p->out_channels / p->groups;
    (void)scratch;
    for (uint32_t ox = 0; ox < p->out_width; ox += PIXELS) {
        const uint32_t more = p->out_width - ox, pixels = more < PIXELS ? more : PIXELS;
        for (uint32_t o = 0, channels; o < p->out_channels; o += channels) {
            const uint32_t left = group_channels - o % group_channels;
            channels = left < CHANNELS ? left : CHANNELS;
            compute(p, rows, ox, pixels, o, channels, y);
        }
        y += pixels * p->out_channels;
    }
}
