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
            odd = sapmcu_add_odd_lanes(odd, word);
            x += channels;
        }
        sums[0] += (int16_t)even;
        sums[1] += (int16_t)odd;
        sums[2] += even >> 16;
        sums[3] += odd >> 16;
    }
}

/* The same for few pixels in all, one or more, with sums in pairs of 16 bits. */
static void add_four_narrow(uint32_t *sums, const int8_t *x, uint32_t width, uint32_t channels) {
    const uint32_t low = sums[0], high = sums[1];
    int16x2_t even = (int16x2_t)((low & 0xFFFF) | high << 16);
    int16x2_t odd = (int16x2_t)(low >> 16 | (high & 0xFFFF0000));
    do {
        const uint32_t word = sapmcu_load_s8x4(x);
        even = __sxtab16(even, (int8x4_t)word);
        odd = sapmcu_add_odd_lanes(odd, word);
        x += channels;
    } while (--width > 0);
    sums[0] = ((uint32_t)even & 0xFFFF) | (uint32_t)odd << 16;
    sums[1] = (uint32_t)even >> 16 | ((uint32_t)odd & 0xFFFF0000);
}

void sapmcu_sum_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_sum_row_s8_params *const p = params;
    void *const sums = y;
    const uint32_t channels = p->channels, fours = channels / 4 * 4;
    (void)scratch;
    if (rows[1] == NULL) {
        for (uint32_t c = 0; c < channels; c++) {
            sapmcu_set_sum(y, c, p->is_narrow, 0);
        }
    }
    for (uint32_t c = 0; c < fours; c += 4) {
        if (p->is_narrow) {
            add_four_narrow((uint32_t *)sums + c / 2, rows[0] + c, p->width, channels);
        } else {
            add_four((int32_t *)sums + c, rows[0] + c, p->width, channels);
        }
    }
    for (uint32_t c = fours; c < channels; c++) {
        int32_t sum = sapmcu_sum_at(y, c, p->is_narrow);
        for (uint32_t i = 0; i < p->width; i++) {
            sum += rows[0][i * channels + c];
        }
        sapmcu_set_sum(y, c, p->is_narrow, sum);
    }
}
