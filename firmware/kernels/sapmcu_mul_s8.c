/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/binary.h"
#include "sapmcu/requantize.h"

void sapmcu_mul_s8(const void *params, const sapmcu_binary_run *run, const int8_t *x, const int8_t *y,
                   int8_t *z) {
    const sapmcu_product_s8_params *const p = params;
    for (uint32_t i = 0; i < run->count; i++) {
        const int32_t product = (*x - p->x_zero_point) * (*y - p->y_zero_point);
        *z++ = sapmcu_requantize_s8(product, p->multiplier, p->shift, p->z_zero_point, p->low, p->high);
        x += run->x_step;
        y += run->y_step;
    }
}
