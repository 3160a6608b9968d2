/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/wide_fully_connected.h"

void sapmcu_wide_fully_connected_s8(const sapmcu_packed_conv2d_s8_params *params, const int8_t *x, int8_t *y,
                                    void *scratch) {
    const int8_t *const row[1] = {x};
    sapmcu_wide_conv2d_row_s8(params, row, y, scratch);
}
