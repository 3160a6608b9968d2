/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/binary.h"
#include "sapmcu/requantize.h"

enum { RAISE = 1 << 20 };

void sapmcu_sub_s8(const void *params, const sapmcu_binary_run *run, const int8_t *x, const int8_t *y,
                   int8_t *z) {
    const sapmcu_sum_s8_params *const p = params;
    for (uint32_t i = 0; i < run->count; i++) {
        const int32_t left = sapmcu_scale((*x - p->x_zero_point) * RAISE, p->x_multiplier, p->x_shift);
        const int32_t right = sapmcu_scale((*y - p->y_zero_point) * RAISE, p->y_multiplier, p->y_shift);
        *z++ =
            sapmcu_requantize_s8(left - right, p->z_multiplier, p->z_shift, p->z_zero_point, p->low, p->high);
        x += run->x_step;
        y += run->y_step;
    }
}
