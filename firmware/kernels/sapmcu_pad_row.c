/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "sapmcu/row_kernels.h"

void sapmcu_pad_row(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_pad_row_params *const p = params;
    (void)scratch;
    sapmcu_fill(p->element, p->element_bytes, y, p->count);
    if (rows[0] != NULL) {
        sapmcu_copy(&p->copy, rows[0], y);
    }
}
