/* SPDX-License-Identifier: Apache-2.0 */
/* Four channels at a time, as two pairs of 16-bit sums, which hold MAX_TAPS pixels. */
#include "dsp.h"
#include "sapmcu/pool2d.h"

enum { MAX_TAPS = 255 };

/* Add columns first..end-1 of four channels from c on. */
static void add_window(int32_t sum[4], const sapmcu_pool2d_s8_params *p, const int8_t *const *rows,
                       int32_t first, int32_t end, uint32_t c) {
    for (uint32_t ky = 0; ky < p->kernel_height; ky++) {
        if (rows[ky] == 0) {
            continue;
        }
        const int8_t *x = rows[ky] + (uint32_t)first * p->channels + c;
        for (int32_t left = end - first; left > 0;) {
            int16x2_t even = 0, odd = 0;
            for (int32_t taps = left < MAX_TAPS ? left : MAX_TAPS; taps > 0; taps--, left--) {
                const uint32_t word = sapmcu_load_s8x4(x);
                even = __sxtab16(even, (int8x4_t)word);
                odd = __sxtab16(odd, (int8x4_t)(word >> 8));
                x += p->channels;
            }
            sum[0] += (int16_t)even;
            sum[1] += (int16_t)odd;
            sum[2] += even >> 16;
            sum[3] += odd >> 16;
        }
    }
}

/* Of all calls one copy. */
static __attribute__((noinline)) int8_t mean(const sapmcu_pool2d_s8_params *p, int32_t sum, int32_t count) {
    const int32_t half = sum > 0 ? count / 2 : -(count / 2);
    return sapmcu_clamp((sum + half) / count, p->low, p->high);
}

/* Channels that make no four. */
static int32_t window_sum(const sapmcu_pool2d_s8_params *p, const int8_t *const *rows, int32_t first,
                          int32_t end, uint32_t c) {
    int32_t sum = 0;
    for (uint32_t ky = 0; ky < p->kernel_height; ky++) {
        for (int32_t i = first; rows[ky] != 0 && i < end; i++) {
            sum += rows[ky][(uint32_t)i * p->channels + c];
        }
    }
    return sum;
}

void sapmcu_average_pool2d_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_pool2d_s8_params *const p = params;
    int32_t column = -(int32_t)p->pad_left, height = 0;
    (void)scratch;
    for (uint32_t ky = 0; ky < p->kernel_height; ky++) {
        height += rows[ky] != 0;
    }
    for (uint32_t ox = 0; ox < p->out_width; ox++) {
        const int32_t first = column < 0 ? 0 : column, last = column + p->kernel_width;
        const int32_t end = last < p->in_width ? last : p->in_width;
        const int32_t count = height * (end - first);
        for (uint32_t c = 0; c < p->channels;) {
            int32_t sum[4] = {0};
            uint32_t channels = 4;
            if (c + 4 <= p->channels) {
                add_window(sum, p, rows, first, end, c);
            } else {
                sum[0] = window_sum(p, rows, first, end, c);
                channels = 1;
            }
            c += channels;
            for (uint32_t i = 0; i < channels; i++) {
                *y++ = mean(p, sum[i], count);
            }
        }
        column += p->stride_width;
    }
}
