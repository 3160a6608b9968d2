/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/quantize.h"

#include "sapmcu/requantize.h"

void sapmcu_requantize_s16_s8(const sapmcu_requantize_params *params, const int16_t *x, int8_t *y,
                              uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        int32_t centred = x[i] - params->x_zero_point;
        int32_t q = sapmcu_wrapping_add(sapmcu_scale(centred, params->multiplier, params->shift),
                                        params->y_zero_point);
        y[i] = sapmcu_clamp(q, INT8_MIN, INT8_MAX);
    }
}
