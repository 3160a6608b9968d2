/* SPDX-License-Identifier: Apache-2.0 */
/* Eight channels of a pixel at a time: products of 16 bits, even and odd channels apart. The last eight may
 * overlap those before. Where the taps of a pixel are read is the same for all channels and found once. */
#include "sapmcu/depthwise_conv2d.h"

#include "mve.h"

enum { MAX_TAPS = 36 };

/* The taps of a pixel that lie in the window's rows from `row` on, MAX_TAPS at the most. column: of x, under
 * the window's first tap. */
typedef struct {
    const sapmcu_depthwise_conv2d_s8_params *params;
    const int8_t *const *rows;
    int32_t column;
    uint32_t channels; /* of y */
    uint32_t first, count;
    const int8_t *taps[MAX_TAPS];
} window;

/* Find the taps from the one of index `first` on. */
static void find_taps(window *w, uint32_t first) {
    const sapmcu_depthwise_conv2d_s8_params *const p = w->params;
    const uint32_t all = (uint32_t)p->kernel_height * p->kernel_width, left = all - first;
    uint32_t ky = first / p->kernel_width, kx = first % p->kernel_width;
    w->first = first;
    w->count = left < MAX_TAPS ? left : MAX_TAPS;
    int32_t column = w->column + (int32_t)(kx * p->dilation_width);
    for (uint32_t i = 0; i < w->count; i++) {
        const int is_inside = column >= 0 && column < p->in_width;
        w->taps[i] = is_inside ? w->rows[ky] + (uint32_t)column * p->in_channels : p->zero_row;
        column += p->dilation_width;
        if (++kx == p->kernel_width) {
            kx = 0;
            ky++;
            column = w->column;
        }
    }
}

/* Channels 0, 2, 4, 6 and 1, 3, 5, 7 of eight. */
static void add_taps(int32x4x2_t *sums, const window *w, uint32_t o) {
    const int8_t *filter = w->params->filter + w->first * w->channels + o;
    int32x4_t even = sums->val[0], odd = sums->val[1];
    for (uint32_t i = 0; i < w->count; i++, filter += w->channels) {
        const int16x8_t x = vldrbq_s16(w->taps[i] + o), f = vldrbq_s16(filter);
        even = vaddq_s32(even, vmullbq_int_s16(x, f));
        odd = vaddq_s32(odd, vmulltq_int_s16(x, f));
    }
    sums->val[0] = even;
    sums->val[1] = odd;
}

static void compute_eight(const window *w, int32x4x2_t sums, uint32_t o, int8_t *y) {
    const sapmcu_depthwise_conv2d_s8_params *const p = w->params;
    const int32x4x2_t multipliers = vld2q_s32(p->multiplier + o);
    const int16x8_t shifts = vldrbq_s16(p->shift + o);
    int16x8_t result = vdupq_n_s16(0);
    const int32x4_t even = sapmcu_scale_s32x4(sums.val[0], multipliers.val[0], vmovlbq_s16(shifts));
    const int32x4_t odd = sapmcu_scale_s32x4(sums.val[1], multipliers.val[1], vmovltq_s16(shifts));
    result = vmovnbq_s32(result, sapmcu_clamped_s32x4(even, p->y_zero_point, p->low, p->high));
    result = vmovntq_s32(result, sapmcu_clamped_s32x4(odd, p->y_zero_point, p->low, p->high));
    vstrbq_s16(y + o, result);
}

static void compute_one(window *w, uint32_t o, int8_t *y) {
    const sapmcu_depthwise_conv2d_s8_params *const p = w->params;
    const uint32_t c = o / p->channel_multiplier, all = (uint32_t)p->kernel_height * p->kernel_width;
    int32_t sum = p->bias[o];
    for (uint32_t first = 0; first < all; first += MAX_TAPS) {
        if (all > MAX_TAPS) {
            find_taps(w, first);
        }
        for (uint32_t i = 0; i < w->count; i++) {
            sum = sapmcu_wrapping_add(sum, w->taps[i][c] * p->filter[(first + i) * w->channels + o]);
        }
    }
    y[o] = sapmcu_requantize_s8(sum, p->multiplier[o], p->shift[o], p->y_zero_point, p->low, p->high);
}

/* All channels of a pixel. */
static void compute_pixel(window *w, int8_t *y) {
    const sapmcu_depthwise_conv2d_s8_params *const p = w->params;
    const uint32_t all = (uint32_t)p->kernel_height * p->kernel_width;
    find_taps(w, 0);
    if (p->channel_multiplier > 1 || w->channels < 8) {
        for (uint32_t o = 0; o < w->channels; o++) {
            compute_one(w, o, y);
        }
        return;
    }
    for (uint32_t o = 0; o < w->channels; o += 8) {
        const uint32_t from = o + 8 > w->channels ? w->channels - 8 : o;
        int32x4x2_t sums = vld2q_s32(p->bias + from);
        for (uint32_t first = 0; first < all; first += MAX_TAPS) {
            if (all > MAX_TAPS) {
                find_taps(w, first);
            }
            add_taps(&sums, w, from);
        }
        compute_eight(w, sums, from, y);
    }
}

void sapmcu_depthwise_conv2d_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_depthwise_conv2d_s8_params *const p = params;
    window w;
    (void)scratch;
    w.params = p;
    w.rows = rows;
    w.channels = (uint32_t)p->in_channels * p->channel_multiplier;
    w.column = -(int32_t)p->pad_left;
    for (uint32_t ox = 0; ox < p->out_width; ox++) {
        compute_pixel(&w, y);
        y += w.channels;
        w.column += p->stride_width;
    }
}
