/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/wide_conv2d.h"

void sapmcu_wide_conv2d_small_row_s8(const void *params, const int8_t *const *rows, int8_t *y,
                                     void *scratch) {
    int32_t window[SAPMCU_PACKED_SMALL_BYTES / sizeof(int32_t)];
    (void)scratch;
    sapmcu_wide_conv2d_row_s8(params, rows, y, window);
}
