/* SPDX-License-Identifier: Apache-2.0 */
/* Four channels at a time, as two pairs of 16-bit sums, which hold MAX_TAPS pixels. */
#include "dsp.h"
#include "sapmcu/pool2d.h"
#include "sapmcu/small.h"

enum { MAX_TAPS = 255 };

/* Add columns of one row, one or more: four channels, or where they aren't four one. */
SAPMCU_SMALL static __attribute__((noinline)) void add_row(int32_t sum[4], const int8_t *x, uint32_t columns,
                                                           uint32_t channels, uint32_t count) {
    do {
        const uint32_t taps = columns < MAX_TAPS ? columns : MAX_TAPS;
        const int8_t *const end = x + taps * channels;
        uint32_t even = 0, odd = 0;
        if (count < 4) {
            do {
                sum[0] += *x;
                x += channels;
            } while (x != end);
        } else {
            do {
                __asm__("sxtab16 %0, %0, %2         \n"
                        "sxtab16 %1, %1, %2, ror #8 \n"
                        : "+r"(even), "+r"(odd)
                        : "r"(sapmcu_load_s8x4(x)));
                x += channels;
            } while (x != end);
        }
        sum[0] += (int16_t)even;
        sum[1] += (int16_t)odd;
        sum[2] += (int32_t)even >> 16;
        sum[3] += (int32_t)odd >> 16;
        columns -= taps;
    } while (columns > 0);
}

SAPMCU_SMALL void sapmcu_average_pool2d_row_s8(const void *params, const int8_t *const *rows, int8_t *y,
                                               void *scratch) {
    const sapmcu_pool2d_s8_params *const p = params;
    const uint32_t channels = p->channels;
    int32_t column = -(int32_t)p->pad_left;
    (void)scratch;
    for (uint32_t ox = 0; ox < p->out_width; ox++, column += p->stride_width) {
        const int32_t first = column < 0 ? 0 : column, last = column + p->kernel_width;
        const int32_t columns = (last < p->in_width ? last : p->in_width) - first;
        uint32_t c = (uint32_t)first * channels;
        for (uint32_t left = channels; left > 0;) {
            const uint32_t count = left < 4 ? 1 : 4;
            int32_t taps = 0, sum[4];
            sum[0] = sum[1] = sum[2] = sum[3] = 0; /* an initializer would call memset */
            for (uint32_t ky = 0; ky < p->kernel_height; ky++) {
                if (rows[ky] != 0) {
                    add_row(sum, rows[ky] + c, (uint32_t)columns, channels, count);
                    taps += columns;
                }
            }
            for (uint32_t i = 0; i < count; i++) {
                const int32_t half = sum[i] > 0 ? taps / 2 : -(taps / 2);
                *y++ = sapmcu_clamp((sum[i] + half) / taps, p->low, p->high);
            }
            c += count;
            left -= count;
        }
    }
}
