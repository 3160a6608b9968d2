/* SPDX-License-Identifier: Apache-2.0 */
#include "dsp.h"
#include "sapmcu/binary.h"

void sapmcu_mul_s8(const void *params, const sapmcu_binary_run *run, const int8_t *x, const int8_t *y,
                   int8_t *z) {
    const sapmcu_product_s8_params *const p = params;
    const int32_t x_zero_point = p->x_zero_point, y_zero_point = p->y_zero_point, low = p->low,
                  high = p->high;
    const int32_t multiplier = p->multiplier, shift = p->shift, zero_point = p->z_zero_point;
    for (const int8_t *const end = z + run->count; z < end;) {
        const int32_t product = (*x - x_zero_point) * (*y - y_zero_point);
        *z++ = sapmcu_clamp(sapmcu_requantize_dsp(product, multiplier, shift, zero_point), low, high);
        x += run->x_step;
        y += run->y_step;
    }
}
