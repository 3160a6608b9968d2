/* SPDX-License-Identifier: Apache-2.0 */
/* Four channels at a time, as two pairs of 16-bit sums, which hold MAX_TAPS pixels. */
#include <stddef.h>

#include "dsp.h"
#include "sapmcu/row_kernels.h"

enum { MAX_TAPS = 255 };

/* Add `width` pixels of four channels; x: of the first pixel. */
static void add_four(int32_t *sums, const int8_t *x, uint32_t width, uint32_t channels) {
    while (width > 0) {
        int16x2_t even = 0, odd = 0;
        for (uint32_t taps = width < MAX_TAPS ? width : MAX_TAPS; taps > 0; taps--, width--) {
            const uint32_t word = sapmcu_load_s8x4(x);
            even = __sxtab16(even, (int8x4_t)word);
            odd = __sxtab16(odd, (int8x4_t)(word >> 8));
            x += channels;
        }
        sums[0] += (int16_t)even;
        sums[1] += (int16_t)odd;
        sums[2] += even >> 16;
        sums[3] += odd >> 16;
    }
}

void sapmcu_sum_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_sum_row_s8_params *const p = params;
    int32_t *const sums = (int32_t *)(void *)y;
    const uint32_t channels = p->channels;
    uint32_t c = 0;
    (void)scratch;
    if (rows[1] == NULL) {
        for (uint32_t i = 0; i < channels; i++) {
            sums[i] = 0;
        }
    }
    for (; c + 4 <= channels; c += 4) {
        add_four(sums + c, rows[0] + c, p->width, channels);
    }
    for (; c < channels; c++) {
        for (uint32_t i = 0; i < p->width; i++) {
            sums[c] += rows[0][i * channels + c];
        }
    }
}
