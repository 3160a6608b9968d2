/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/row_kernels.h"

void sapmcu_copy_rows(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_copy_rows_params *const p = params;
    (void)scratch;
    for (uint32_t k = 0; k < p->rows; k++) {
        sapmcu_copy(&p->copy, rows[k], y);
        y += p->y_step_bytes;
    }
}
