/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/row_kernels.h"

void sapmcu_copy_part_row(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_copy_part_row_params *const p = params;
    const uint32_t *const index = (const uint32_t *)(const void *)rows[1];
    (void)scratch;
    sapmcu_copy(&p->copy, rows[0] + p->offsets[*index], y);
}
