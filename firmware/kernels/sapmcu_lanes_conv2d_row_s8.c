/* SPDX-License-Identifier: Apache-2.0 */
/* Four pixels at a time. The numbers under their windows are gathered as lanes, SAPMCU_LANES_TAPS at a time,
 * and multiplied with that part of the filters of SAPMCU_LANES_CHANNELS channels. */
#include "sapmcu/fours.h"
#include "sapmcu/lanes.h"
#include "sapmcu/lanes_conv2d.h"

enum { PIXELS = 4 };

/* Where gathering goes on. columns: of x, under the first taps of four pixels. */
typedef struct {
    const sapmcu_lanes_conv2d_s8_params *params;
    const int8_t *const *rows;
    int32_t columns[PIXELS];
    int are_inside; /* and what follows in a row of the window lies behind each other */
    uint32_t ky, kx, channel;
    uint32_t left; /* numbers of the windows */
} windows;

static const int8_t *tap_of(const windows *w, uint32_t pixel) {
    const sapmcu_lanes_conv2d_s8_params *const p = w->params;
    const int32_t column = w->columns[pixel] + (int32_t)(w->kx * p->dilation_width);
    const int is_inside = column >= 0 && column < p->in_width;
    return (is_inside ? w->rows[w->ky] + column * p->in_channels : p->zero_row) + w->channel;
}

/* SAPMCU_LANES_TAPS numbers, or all that are left, with zeros to a multiple of four. Returns where they end.
 */
static __attribute__((noinline)) uint32_t *gather(windows *w, uint32_t *to) {
    const uint32_t channels = w->params->in_channels, kernel_width = w->params->kernel_width;
    uint32_t count = w->left < SAPMCU_LANES_TAPS ? w->left : SAPMCU_LANES_TAPS;
    w->left -= count;
    for (uint32_t pad = -count & 3; count > 0;) {
        const uint32_t taps = w->are_inside ? kernel_width - w->kx : 1;
        const uint32_t span = taps * channels - w->channel, here = span < count ? span : count;
        const int8_t *const at[PIXELS] = {tap_of(w, 0), tap_of(w, 1), tap_of(w, 2), tap_of(w, 3)};
        to = sapmcu_gather_lanes(to, at, here);
        count -= here;
        w->channel += here;
        while (w->channel >= channels) {
            w->channel -= channels;
            w->kx++;
        }
        if (w->kx == kernel_width) {
            w->kx = 0;
            w->ky++;
        }
        if (count == 0) {
            for (; pad > 0; pad--) {
                *to++ = 0;
                *to++ = 0;
            }
        }
    }
    return to;
}

static void add_rest_of(uint32_t product, uint32_t *lanes, int32_t *high) {
    product += SAPMCU_LANE_HALF;
    *lanes += product - SAPMCU_LANE_HALF; /* counts for no block */
    *high += (int32_t)product >> SAPMCU_LANE_BITS;
}

static __attribute__((noinline)) const uint8_t *add_rest(const uint8_t *rest, const uint32_t *x,
                                                         sapmcu_lane_sums *sums) {
    while (rest[0] != SAPMCU_LANES_END) {
        const uint32_t weight = (uint32_t)(int8_t)rest[2];
        sapmcu_lane_sums *const sum = sums + rest[0];
        const uint32_t *const from = x + 2U * rest[1];
        add_rest_of(from[0] * weight, &sum->lanes01, &sum->high1);
        add_rest_of(from[1] * weight, &sum->lanes23, &sum->high3);
        rest += 3;
    }
    return rest + 1;
}

/* Take the lanes of channels o.. apart, in their place, and write the results of `pixels` pixels. */
static __attribute__((noinline)) void write_channels(const sapmcu_lanes_conv2d_s8_params *p,
                                                     sapmcu_lane_sums *sums, uint32_t o, uint32_t channels,
                                                     uint32_t pixels, int8_t *y) {
    const sapmcu_fours_scale scale = {p->multiplier + o, p->shift + o, p->y_zero_point, p->low, p->high};
    int32_t *const fours = (int32_t *)(void *)sums;
    int32_t *to = fours;
    for (uint32_t i = 0; i < channels; i++, sums++) {
        const uint32_t start = (uint32_t)p->bias[o + i];
        const uint32_t high1 = (uint32_t)sums->high1, high3 = (uint32_t)sums->high3;
        const uint32_t low0 = sums->lanes01 - (high1 << SAPMCU_LANE_BITS);
        const uint32_t low2 = sums->lanes23 - (high3 << SAPMCU_LANE_BITS);
        *to++ = (int32_t)(start + low0);
        *to++ = (int32_t)(start + high1);
        *to++ = (int32_t)(start + low2);
        *to++ = (int32_t)(start + high3);
    }
    sapmcu_write_fours(&scale, fours, channels, pixels, y + o, p->out_channels);
}

/* Where the filters of the channels that come next begin. */
typedef struct {
    const uint32_t *filter;
    const uint8_t *rest;
} filters;

/* Add the windows' products with the filters of some channels. Its buffer isn't there while results are
 * written. */
static __attribute__((noinline)) void add_windows(windows *w, filters *next, sapmcu_lane_sums *sums,
                                                  uint32_t channels, uint32_t numbers) {
    uint32_t x[2 * SAPMCU_LANES_TAPS];
    const uint32_t none = 0U - (numbers + 3) / 4 * SAPMCU_LANE_HALF;
    for (uint32_t i = 0; i < channels; i++) {
        sums[i] = (sapmcu_lane_sums){none, 0, none, 0};
    }
    w->ky = w->kx = w->channel = 0;
    for (w->left = numbers; w->left > 0;) {
        const uint32_t *const end = gather(w, x);
        next->filter = sapmcu_add_lanes(x, next->filter, end, sums, channels);
        next->rest = add_rest(next->rest, x, sums);
    }
}

/* Those of `pixels` pixels from ox on; the last again in place of those that aren't there. */
static __attribute__((noinline)) void place_windows(windows *w, uint32_t ox, uint32_t pixels) {
    const sapmcu_lanes_conv2d_s8_params *const p = w->params;
    const int32_t reach = (p->kernel_width - 1) * p->dilation_width;
    for (uint32_t i = 0; i < PIXELS; i++) {
        const uint32_t pixel = ox + (i < pixels ? i : pixels - 1);
        w->columns[i] = (int32_t)(pixel * p->stride_width) - p->pad_left;
    }
    w->are_inside = p->dilation_width == 1 && w->columns[0] >= 0 && w->columns[3] + reach < p->in_width;
}

void sapmcu_lanes_conv2d_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_lanes_conv2d_s8_params *const p = params;
    const uint32_t numbers = (uint32_t)p->kernel_height * p->kernel_width * p->in_channels;
    sapmcu_lane_sums sums[SAPMCU_LANES_CHANNELS];
    windows w;
    (void)scratch;
    w.params = p;
    w.rows = rows;
    for (uint32_t ox = 0; ox < p->out_width; ox += PIXELS) {
        const uint32_t left = p->out_width - ox, pixels = left < PIXELS ? left : PIXELS;
        filters next = {p->filter, p->rest};
        place_windows(&w, ox, pixels);
        for (uint32_t o = 0; o < p->out_channels; o += SAPMCU_LANES_CHANNELS) {
            const uint32_t more = p->out_channels - o;
            const uint32_t channels = more < SAPMCU_LANES_CHANNELS ? more : SAPMCU_LANES_CHANNELS;
            add_windows(&w, &next, sums, channels, numbers);
            write_channels(p, sums, o, channels, pixels, y);
        }
        y += pixels * p->out_channels;
    }
}
