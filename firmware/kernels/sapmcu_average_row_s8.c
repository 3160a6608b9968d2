/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/requantize.h"
#include "sapmcu/row_kernels.h"

void sapmcu_average_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_average_row_s8_params *const p = params;
    const int32_t count = (int32_t)p->count;
    (void)scratch;
    for (uint32_t c = 0; c < p->channels; c++) {
        const int32_t sum = sapmcu_sum_at(rows[0], c, p->is_narrow);
        const int32_t half = sum > 0 ? count / 2 : -(count / 2);
        y[c] = sapmcu_clamp((sum + half) / count, p->low, p->high);
    }
}
