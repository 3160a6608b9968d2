/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/row_kernels.h"

void sapmcu_arg_max_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    (void)scratch;
    sapmcu_arg_max_s8(params, rows[0], (int32_t *)(void *)y);
}
