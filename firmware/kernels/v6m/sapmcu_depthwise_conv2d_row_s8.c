/* SPDX-License-Identifier: Apache-2.0 */
/* Four pixels of a channel at a time: a number of the filter is loaded once for four products, 17
 * instructions. Where the taps are read is the same for all channels and found once. */
#include "sapmcu/depthwise_conv2d.h"

#include "sapmcu/fours.h"
#include "sapmcu/requantize.h"

#include "v6m.h"

enum { MAX_TAPS = 9, MAX_CHANNELS = 16 };

/* The assembly knows the order of the first six. */
typedef struct {
    const int8_t *filter; /* of the first tap */
    int32_t *sums;        /* [..channel_end][4] */
    uint32_t channel, channel_end;
    uint32_t channels; /* of x and y */
    const int8_t *(*taps_end)[SAPMCU_FOUR];
    const int8_t *taps[MAX_TAPS][SAPMCU_FOUR];
    const sapmcu_depthwise_conv2d_s8_params *params;
    const int8_t *const *rows;
    int32_t columns[SAPMCU_FOUR]; /* of x, under the windows' first taps */
} windows;

/* Add the taps' products for channel..channel_end-1.
 * r0: taps; r1: filter; r2: channel; r3..r6: x; r7: of the filter; r8..r11: sums; r12: channels; lr: end of
 * taps. sp: filter, sums, channel, its end. */
SAPMCU_NAKED static void add_taps(__attribute__((unused)) const windows *w,
                                  __attribute__((unused)) const int8_t *(*taps)[SAPMCU_FOUR]) {
    __asm__(".syntax unified            \n"
            "push   {r4-r7, lr}         \n"
            "mov    r4, r8              \n"
            "mov    r5, r9              \n"
            "mov    r6, r10             \n"
            "mov    r7, r11             \n"
            "push   {r1, r4-r7}         \n"
            "ldm    r0!, {r2-r7}        \n"
            "mov    r12, r6             \n"
            "mov    lr, r7              \n"
            "push   {r2-r5}             \n"
            "movs   r2, r4              \n"
            "1:                         \n"
            "ldr    r3, [sp, #4]        \n"
            "ldm    r3!, {r4-r7}        \n"
            "mov    r8, r4              \n"
            "mov    r9, r5              \n"
            "mov    r10, r6             \n"
            "mov    r11, r7             \n"
            "ldr    r1, [sp]            \n"
            "ldr    r0, [sp, #16]       \n"
            "2:                         \n"
            "ldm    r0!, {r3-r6}        \n"
            "ldrsb  r7, [r1, r2]        \n"
            "add    r1, r12             \n"
            "ldrsb  r3, [r3, r2]        \n"
            "ldrsb  r4, [r4, r2]        \n"
            "ldrsb  r5, [r5, r2]        \n"
            "ldrsb  r6, [r6, r2]        \n"
            "muls   r3, r7, r3          \n"
            "muls   r4, r7, r4          \n"
            "muls   r5, r7, r5          \n"
            "muls   r6, r7, r6          \n"
            "add    r8, r3              \n"
            "add    r9, r4              \n"
            "add    r10, r5             \n"
            "add    r11, r6             \n"
            "cmp    r0, lr              \n"
            "bne    2b                  \n"
            "mov    r4, r8              \n"
            "mov    r5, r9              \n"
            "mov    r6, r10             \n"
            "mov    r7, r11             \n"
            "ldr    r3, [sp, #4]        \n"
            "stm    r3!, {r4-r7}        \n"
            "str    r3, [sp, #4]        \n"
            "adds   r2, r2, #1          \n"
            "ldr    r3, [sp, #12]       \n"
            "cmp    r2, r3              \n"
            "bne    1b                  \n"
            "add    sp, sp, #16         \n"
            "pop    {r3-r7}             \n"
            "mov    r8, r4              \n"
            "mov    r9, r5              \n"
            "mov    r10, r6             \n"
            "mov    r11, r7             \n"
            "pop    {r4-r7, pc}         \n");
}

/* Find MAX_TAPS taps from the one of index `first` on, or as many as there are. */
static void find_taps(windows *w, uint32_t first) {
    const sapmcu_depthwise_conv2d_s8_params *const p = w->params;
    const uint32_t left = (uint32_t)p->kernel_height * p->kernel_width - first;
    const uint32_t count = left < MAX_TAPS ? left : MAX_TAPS;
    uint32_t ky = first / p->kernel_width, kx = first % p->kernel_width;
    for (uint32_t tap = 0; tap < count; tap++) {
        for (uint32_t i = 0; i < SAPMCU_FOUR; i++) {
            const int32_t column = w->columns[i] + (int32_t)(kx * p->dilation_width);
            const int is_inside = column >= 0 && column < p->in_width;
            w->taps[tap][i] = is_inside ? w->rows[ky] + column * p->in_channels : p->zero_row;
        }
        if (++kx == p->kernel_width) {
            kx = 0;
            ky++;
        }
    }
    w->filter = p->filter + first * w->channels;
    w->taps_end = w->taps + count;
}

/* sapmcu_write_fours of any sums. */
static void write_large(const sapmcu_fours_scale *scale, const int32_t *sums, uint32_t channels,
                        uint32_t pixels, int8_t *y, uint32_t step) {
    for (uint32_t c = 0; c < channels; c++, sums += SAPMCU_FOUR) {
        for (uint32_t i = 0; i < pixels; i++) {
            y[i * step + c] = sapmcu_requantize_s8(sums[i], scale->multiplier[c], scale->shift[c],
                                                   scale->zero_point, scale->low, scale->high);
        }
    }
}

/* All channels of four pixels, of which `pixels` are written. */
static void compute_pixels(windows *w, uint32_t pixels, int8_t *y) {
    const sapmcu_depthwise_conv2d_s8_params *const p = w->params;
    const uint32_t taps = (uint32_t)p->kernel_height * p->kernel_width;
    int32_t sums[MAX_CHANNELS * SAPMCU_FOUR];
    uint32_t magnitudes = taps << 14;
    find_taps(w, 0);
    for (uint32_t o = 0; o < w->channels; o += MAX_CHANNELS) {
        const uint32_t left = w->channels - o, count = left < MAX_CHANNELS ? left : MAX_CHANNELS;
        int32_t *to = sums;
        for (uint32_t c = 0; c < count; c++) {
            for (uint32_t i = 0; i < SAPMCU_FOUR; i++) {
                *to++ = p->bias[o + c];
            }
            magnitudes |= (uint32_t)(p->bias[o + c] ^ (p->bias[o + c] >> 31));
        }
        w->sums = sums;
        w->channel = o;
        w->channel_end = o + count;
        for (uint32_t first = 0; first < taps; first += MAX_TAPS) {
            if (taps > MAX_TAPS) {
                find_taps(w, first);
            }
            add_taps(w, w->taps);
        }
        const sapmcu_fours_scale scale = {p->multiplier + o, p->shift + o, p->y_zero_point, p->low, p->high};
        if (magnitudes < 1U << 29) { /* and each sum below 2^30 */
            sapmcu_write_fours(&scale, sums, count, pixels, y + o, w->channels);
        } else {
            write_large(&scale, sums, count, pixels, y + o, w->channels);
        }
    }
}

/* Channel o of y, which reads channel c of x, of one pixel. */
static int8_t compute_one(const windows *w, uint32_t c, uint32_t o) {
    const sapmcu_depthwise_conv2d_s8_params *const p = w->params;
    const int8_t *filter = p->filter + o;
    int32_t sum = p->bias[o];
    for (uint32_t ky = 0; ky < p->kernel_height; ky++) {
        int32_t column = w->columns[0];
        for (uint32_t kx = 0; kx < p->kernel_width; kx++) {
            const int is_inside = column >= 0 && column < p->in_width;
            const int8_t *const x = is_inside ? w->rows[ky] + column * p->in_channels : p->zero_row;
            sum = sapmcu_wrapping_add(sum, x[c] * *filter);
            filter += p->in_channels * p->channel_multiplier;
            column += p->dilation_width;
        }
    }
    return sapmcu_requantize_s8(sum, p->multiplier[o], p->shift[o], p->y_zero_point, p->low, p->high);
}

void sapmcu_depthwise_conv2d_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_depthwise_conv2d_s8_params *const p = params;
    windows w;
    (void)scratch;
    w.params = p;
    w.rows = rows;
    w.channels = (uint32_t)p->in_channels * p->channel_multiplier;
    const uint32_t at_once = p->channel_multiplier == 1 ? SAPMCU_FOUR : 1;
    for (uint32_t ox = 0; ox < p->out_width; ox += at_once) {
        const uint32_t left = p->out_width - ox, pixels = left < at_once ? left : at_once;
        for (uint32_t i = 0; i < SAPMCU_FOUR; i++) { /* the last again in place of those that aren't there */
            const uint32_t pixel = ox + (i < pixels ? i : pixels - 1);
            w.columns[i] = (int32_t)(pixel * p->stride_width) - p->pad_left;
        }
        if (at_once > 1) {
            compute_pixels(&w, pixels, y);
        } else {
            int8_t *to = y;
            for (uint32_t c = 0; c < p->in_channels; c++) {
                for (uint32_t m = 0; m < p->channel_multiplier; m++, to++) {
                    *to = compute_one(&w, c, (uint32_t)(to - y));
                }
            }
        }
        y += pixels * w.channels;
    }
}
