/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/prelu.h"

#include "sapmcu/requantize.h"

static int8_t prelu(const sapmcu_prelu_s8_params *params, int32_t x, int32_t alpha) {
    int32_t scaled = x >= 0 ? sapmcu_scale(x, params->positive_multiplier, params->positive_shift)
                            : sapmcu_scale(x * alpha, params->negative_multiplier, params->negative_shift);
    return sapmcu_clamp(sapmcu_wrapping_add(scaled, params->y_zero_point), -128, 127);
}

void sapmcu_prelu_s8(const sapmcu_prelu_s8_params *params, const int8_t *x, int8_t *y) {
    for (uint32_t outer = 0; outer < params->outer; outer++) {
        for (uint32_t slope = 0; slope < params->slopes; slope++) {
            int32_t alpha = params->alpha[slope] - params->alpha_zero_point;
            for (uint32_t inner = 0; inner < params->inner; inner++) {
                *y++ = prelu(params, *x++ - params->x_zero_point, alpha);
            }
        }
    }
}
