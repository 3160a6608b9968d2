/* SPDX-License-Identifier: Apache-2.0 */
/* Four channels of a pixel at a time, a word of x and one of the filter for each tap. Where the taps of a
 * pixel are read, in the image or beside it, is the same for all channels and found once. */
#include "sapmcu/depthwise_conv2d.h"

#include "dsp.h"

enum { MAX_TAPS = 49 };

/* The window of a pixel, MAX_TAPS taps at a time. column: of x, under the first tap. */
typedef struct {
    const sapmcu_depthwise_conv2d_s8_params *params;
    const int8_t *const *rows;
    uint32_t out_channels;
    int32_t column;
    uint32_t row, tap;     /* where the taps go on */
    uint32_t first, count; /* of the taps: index of the first in the filter */
    const int8_t *taps[MAX_TAPS];
} window;

static void next_taps(window *w) {
    const sapmcu_depthwise_conv2d_s8_params *const p = w->params;
    w->first = w->row * p->kernel_width + w->tap;
    w->count = 0;
    for (; w->row < p->kernel_height; w->row++, w->tap = 0) {
        const int8_t *const row = w->rows[w->row];
        int32_t column = w->column + (int32_t)(w->tap * p->dilation_width);
        for (; w->tap < p->kernel_width; w->tap++) {
            if (w->count == MAX_TAPS) {
                return;
            }
            const int is_inside = column >= 0 && column < p->in_width;
            w->taps[w->count++] = is_inside ? row + (uint32_t)column * p->in_channels : p->zero_row;
            column += p->dilation_width;
        }
    }
}

static void first_taps(window *w) {
    w->row = w->tap = 0;
    next_taps(w);
}

/* On to the next taps; 0 if that were all: then back to the first. */
static __attribute__((noinline)) int advance(window *w) {
    if (w->row < w->params->kernel_height) {
        next_taps(w);
        return 1;
    }
    first_taps(w);
    return 0;
}

/* The taps of the next pixel, if both lie within the image. */
static void move_taps(window *w) {
    const uint32_t step = (uint32_t)w->params->stride_width * w->params->in_channels;
    for (uint32_t i = 0; i < w->count; i++) {
        w->taps[i] += step;
    }
}

/* A tap of four channels: 12 instructions. In assembly, since gcc spills what it loads ahead. */
#define TAP                                                                                                  \
    "ldr    %[x], [%[tap]], #4       \n"                                                                     \
    "ldr    %[f], [%[filter]]        \n"                                                                     \
    "ldr    %[x], [%[x], %[c]]       \n"                                                                     \
    "add    %[filter], %[step]       \n"                                                                     \
    "sxtb16 %[g], %[f], ror #8       \n"                                                                     \
    "sxtb16 %[f], %[f]               \n"                                                                     \
    "sxtb16 %[y], %[x], ror #8       \n"                                                                     \
    "sxtb16 %[x], %[x]               \n"                                                                     \
    "smlabb %[s0], %[x], %[f], %[s0] \n"                                                                     \
    "smlabb %[s1], %[y], %[g], %[s1] \n"                                                                     \
    "smlatt %[s2], %[x], %[f], %[s2] \n"                                                                     \
    "smlatt %[s3], %[y], %[g], %[s3] \n"

#define ADD(TAPS)                                                                                            \
    __asm__ volatile(TAPS                                                                                    \
                     : [tap] "+r"(tap), [filter] "+r"(filter), [s0] "+r"(s0), [s1] "+r"(s1), [s2] "+r"(s2),  \
                       [s3] "+r"(s3), [x] "=&r"(x), [y] "=&r"(y), [f] "=&r"(f), [g] "=&r"(g)                 \
                     : [c] "r"(c), [step] "r"(step)                                                          \
                     : "memory")

/* Add the taps of four channels from c on. */
static inline void add_taps(int32_t sum[4], const window *w, uint32_t c) {
    const int8_t *const *tap = w->taps;
    const uint32_t step = w->out_channels;
    const int8_t *filter = w->params->filter + w->first * step + c;
    int32_t s0 = sum[0], s1 = sum[1], s2 = sum[2], s3 = sum[3];
    uint32_t x, y, f, g;
    for (const int8_t *const *const end = tap + w->count - 2; tap < end;) { /* most windows have rows of 3 */
        ADD(TAP TAP TAP);
    }
    for (const int8_t *const *const end = w->taps + w->count; tap < end;) {
        ADD(TAP);
    }
    sum[0] = s0;
    sum[1] = s1;
    sum[2] = s2;
    sum[3] = s3;
}

/* The same for output channel o alone. */
static int32_t add_taps_of_one(int32_t sum, const window *w, uint32_t o) {
    const int8_t *filter = w->params->filter + w->first * w->out_channels + o;
    const uint32_t c = o / w->params->channel_multiplier;
    for (uint32_t i = 0; i < w->count; i++) {
        sum = sapmcu_wrapping_add(sum, w->taps[i][c] * *filter);
        filter += w->out_channels;
    }
    return sum;
}

/* All channels of a pixel, whose first taps are known. */
static void compute_pixel(window *w, int8_t *y) {
    const sapmcu_depthwise_conv2d_s8_params *const p = w->params;
    const sapmcu_clamp_s8x4 clamp = sapmcu_make_clamp(p->low, p->high);
    const uint32_t in_fours = p->channel_multiplier == 1 ? w->out_channels & ~3U : 0;
    const int is_complete = w->row == p->kernel_height;
    uint32_t o = 0;
    for (; o < in_fours; o += 4) {
        const int32_t *const bias = p->bias + o;
        int32_t sum[4] = {bias[0], bias[1], bias[2], bias[3]};
        do {
            add_taps(sum, w, o);
        } while (!is_complete && advance(w));
        const uint32_t word = sapmcu_requantize_s8x4(sum, p->multiplier + o, p->shift + o, p->y_zero_point);
        sapmcu_store_s8x4(y + o, sapmcu_clamped_s8x4(clamp, word));
    }
    for (; o < w->out_channels; o++) {
        int32_t sum = p->bias[o];
        do {
            sum = add_taps_of_one(sum, w, o);
        } while (!is_complete && advance(w));
        y[o] = sapmcu_requantize_s8(sum, p->multiplier[o], p->shift[o], p->y_zero_point, p->low, p->high);
    }
}

void sapmcu_depthwise_conv2d_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_depthwise_conv2d_s8_params *const p = params;
    window w;
    (void)scratch;
    w.params = p;
    w.rows = rows;
    w.out_channels = (uint32_t)p->in_channels * p->channel_multiplier;
    const int32_t reach = (p->kernel_width - 1) * p->dilation_width;
    int was_inside = 0;
    w.column = -(int32_t)p->pad_left;
    for (uint32_t ox = 0; ox < p->out_width; ox++) {
        const int is_inside = w.column >= 0 && w.column + reach < p->in_width;
        if (is_inside && was_inside) {
            move_taps(&w);
        } else {
            first_taps(&w);
        }
        compute_pixel(&w, y);
        y += w.out_channels;
        w.column += p->stride_width;
        was_inside = is_inside;
    }
}
