/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/row_kernels.h"

void sapmcu_dot_products_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    (void)scratch;
    sapmcu_dot_products_s8(params, rows[0], rows[1], y);
}
