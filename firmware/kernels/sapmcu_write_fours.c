/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/fours.h"

void sapmcu_write_fours(const sapmcu_fours_scale *scale, int32_t *sums, uint32_t channels, uint32_t pixels,
                        int8_t *y, uint32_t step) {
    sapmcu_requantize_sums(scale, sums, channels, SAPMCU_FOUR);
    for (uint32_t i = 0; i < pixels; i++, y += step) {
        const int32_t *from = sums + i;
        for (uint32_t c = 0; c < channels; c++, from += SAPMCU_FOUR) {
            y[c] = (int8_t)*from;
        }
    }
}
