/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/quantize.h"

/* To nearest, half away from zero, of |x| < 2^31. The fraction is exact, which x + 0.5 is not. */
static int32_t round_half_away(float x) {
    int32_t whole = (int32_t)x;
    float fraction = x - (float)whole;
    return fraction >= 0.5f ? whole + 1 : fraction <= -0.5f ? whole - 1 : whole;
}

/* Beyond this every zero point saturates. */
static const float limit = 512.0f;

void sapmcu_quantize_f32_s8(const sapmcu_quantize_f32_s8_params *params, const float *x, int8_t *y,
                            uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        float quotient = x[i] / params->scale;
        /* written so that NaN, of which every comparison is false, becomes 0 */
        float inside = quotient > limit     ? limit
                       : quotient >= -limit ? quotient
                       : quotient < -limit  ? -limit
                                            : 0.0f;
        int32_t q = round_half_away(inside) + params->zero_point;
        y[i] = (int8_t)(q < -128 ? -128 : q > 127 ? 127 : q);
    }
}
