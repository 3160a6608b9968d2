/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "sapmcu/row_kernels.h"

void sapmcu_bilinear_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const int8_t *const both[2] = {rows[0], rows[1] != NULL ? rows[1] : rows[0]};
    const uint32_t *const index = (const uint32_t *)(const void *)rows[2];
    (void)scratch;
    sapmcu_resize_bilinear_row_s8(params, *index, both, y);
}
