/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/mat_mul.h"
#include "sapmcu/requantize.h"

void sapmcu_mat_mul_s8(const sapmcu_mat_mul_s8_params *params, const int8_t *x, const int8_t *y, int8_t *z) {
    const sapmcu_mat_mul_s8_params *const p = params;
    const uint32_t x_row = p->is_x_transposed ? 1 : p->depth, x_step = p->is_x_transposed ? p->rows : 1;
    const uint32_t y_column = p->is_y_transposed ? p->depth : 1, y_step = p->is_y_transposed ? 1 : p->columns;
    for (uint32_t m = 0; m < p->rows; m++) {
        for (uint32_t n = 0; n < p->columns; n++) {
            const int8_t *left = x + m * x_row, *right = y + n * y_column;
            uint32_t sum = p->bias ? (uint32_t)p->bias[n] : 0;
            for (uint32_t k = 0; k < p->depth; k++) {
                sum += (uint32_t)((*left - p->x_zero_point) * (*right - p->y_zero_point));
                left += x_step;
                right += y_step;
            }
            *z++ =
                sapmcu_requantize_s8((int32_t)sum, p->multiplier, p->shift, p->z_zero_point, p->low, p->high);
        }
    }
}
