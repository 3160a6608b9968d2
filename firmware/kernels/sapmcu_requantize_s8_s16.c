/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/quantize.h"

#include "sapmcu/requantize.h"

void sapmcu_requantize_s8_s16(const sapmcu_requantize_params *params, const int8_t *x, int16_t *y,
                              uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        int32_t centred = x[i] - params->x_zero_point;
        int32_t q = sapmcu_wrapping_add(sapmcu_scale(centred, params->multiplier, params->shift),
                                        params->y_zero_point);
        y[i] = (int16_t)(q < INT16_MIN ? INT16_MIN : q > INT16_MAX ? INT16_MAX : q);
    }
}
