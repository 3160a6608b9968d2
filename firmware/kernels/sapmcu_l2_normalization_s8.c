/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/l2_normalization.h"

#include "gemmlowp.h"

enum { OUTPUT_BITS = 7 }; /* steps of 2^-7 */

void sapmcu_l2_normalization_s8(const sapmcu_l2_normalization_s8_params *params, const int8_t *x, int8_t *y) {
    for (uint32_t row = 0; row < params->rows; row++) {
        int32_t squares = 0;
        for (uint32_t i = 0; i < params->length; i++) {
            int32_t value = x[i] - params->zero_point;
            squares += value * value;
        }
        sapmcu_factor inverse = sapmcu_inverse_sqrt(squares);
        for (uint32_t i = 0; i < params->length; i++) {
            int32_t value = x[i] - params->zero_point;
            int32_t scaled = sapmcu_scale(value, inverse.multiplier, inverse.shift + OUTPUT_BITS);
            y[i] = sapmcu_clamp(scaled, -128, 127);
        }
        x += params->length;
        y += params->length;
    }
}
