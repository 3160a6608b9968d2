/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/packed_conv2d.h"

void sapmcu_packed_conv2d_three_row_s8(const void *params, const int8_t *const *rows, int8_t *y,
                                       void *scratch) {
    sapmcu_packed_conv2d_row_s8(params, rows, y, scratch);
}
