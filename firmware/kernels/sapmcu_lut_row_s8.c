/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/row_kernels.h"

void sapmcu_lut_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_lut_row_s8_params *const p = params;
    (void)scratch;
    sapmcu_lut_s8(p->lut, rows[0], y, p->count);
}
