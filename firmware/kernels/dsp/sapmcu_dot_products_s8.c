/* SPDX-License-Identifier: Apache-2.0 */
/* Four products of a pair of words; zero points are taken off the widened lanes. */
#include "sapmcu/mat_mul.h"

#include "dsp.h"

static int16x2_t both_lanes(int32_t x) {
    return (int16x2_t)((uint32_t)(uint16_t)x * 0x10001U);
}

void sapmcu_dot_products_s8(const sapmcu_mat_mul_s8_params *params, const int8_t *x, const int8_t *y,
                            int8_t *z) {
    const sapmcu_mat_mul_s8_params p = *params; /* z may be anything's bytes: else all is read again */
    const int16x2_t x_zero = both_lanes(p.x_zero_point), y_zero = both_lanes(p.y_zero_point);
    const int is_clamped = p.low > INT8_MIN || p.high < INT8_MAX;
    for (uint32_t m = 0; m < p.rows; m++) {
        int32_t sum = 0;
        uint32_t depth = p.depth;
        for (; depth >= 4; depth -= 4, x += 4, y += 4) {
            const uint32_t a = sapmcu_load_s8x4(x), b = sapmcu_load_s8x4(y);
            sum =
                __smlad(__ssub16(sapmcu_even_lanes(a), x_zero), __ssub16(sapmcu_even_lanes(b), y_zero), sum);
            sum = __smlad(__ssub16(sapmcu_odd_lanes(a), x_zero), __ssub16(sapmcu_odd_lanes(b), y_zero), sum);
        }
        for (; depth > 0; depth--) {
            sum = sapmcu_wrapping_add(sum, (*x++ - p.x_zero_point) * (*y++ - p.y_zero_point));
        }
        const int32_t scaled = sapmcu_requantize_dsp(sum, p.multiplier, p.shift, p.z_zero_point);
        *z++ = is_clamped ? sapmcu_clamp(scaled, p.low, p.high) : (int8_t)scaled;
    }
}
