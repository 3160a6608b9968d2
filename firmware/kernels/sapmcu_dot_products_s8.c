/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/mat_mul.h"
#include "sapmcu/requantize.h"

void sapmcu_dot_products_s8(const sapmcu_mat_mul_s8_params *params, const int8_t *x, const int8_t *y,
                            int8_t *z) {
    const sapmcu_mat_mul_s8_params *const p = params;
    for (uint32_t m = 0; m < p->rows; m++) {
        uint32_t sum = 0;
        for (uint32_t k = 0; k < p->depth; k++) {
            sum += (uint32_t)((*x++ - p->x_zero_point) * (*y++ - p->y_zero_point));
        }
        *z++ = sapmcu_requantize_s8((int32_t)sum, p->multiplier, p->shift, p->z_zero_point, p->low, p->high);
    }
}
