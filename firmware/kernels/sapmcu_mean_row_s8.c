/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/requantize.h"
#include "sapmcu/row_kernels.h"

void sapmcu_mean_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_mean_row_s8_params *const p = params;
    (void)scratch;
    for (uint32_t c = 0; c < p->channels; c++) {
        const int32_t sum = sapmcu_wrapping_add(sapmcu_sum_at(rows[0], c, p->is_narrow), p->bias);
        y[c] = sapmcu_requantize_s8(sum, p->multiplier, p->shift, p->zero_point, INT8_MIN, INT8_MAX);
    }
}
