/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/wide_fully_connected.h"

void sapmcu_wide_fully_connected_row_s8(const void *params, const int8_t *const *rows, int8_t *y,
                                        void *scratch) {
    sapmcu_wide_fully_connected_s8(params, rows[0], y, scratch);
}
