/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/requantize.h"
#include "sapmcu/row_kernels.h"

void sapmcu_mean_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_mean_row_s8_params *const p = params;
    const int32_t *const sums = (const int32_t *)(const void *)rows[0];
    (void)scratch;
    for (uint32_t c = 0; c < p->channels; c++) {
        y[c] = sapmcu_requantize_s8(sapmcu_wrapping_add(sums[c], p->bias), p->multiplier, p->shift,
                                    p->zero_point, INT8_MIN, INT8_MAX);
    }
}
