/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/fours.h"
#include "sapmcu/requantize.h"

void sapmcu_requantize_sums(const sapmcu_fours_scale *scale, int32_t *sums, uint32_t channels,
                            uint32_t count) {
    for (uint32_t c = 0; c < channels; c++) {
        for (uint32_t i = 0; i < count; i++, sums++) {
            *sums = sapmcu_requantize_s8(*sums, scale->multiplier[c], scale->shift[c], scale->zero_point,
                                         scale->low, scale->high);
        }
    }
}
