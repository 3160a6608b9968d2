/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/packed_depthwise_conv2d.h"

enum { COLUMN_WORDS = 8 };

void sapmcu_packed_depthwise_conv2d_small_s8(const sapmcu_rows *geometry,
                                             const sapmcu_packed_depthwise_conv2d_s8_params *params,
                                             const int8_t *x, int8_t *y) {
    int32_t scratch[SAPMCU_DEPTHWISE_SMALL_COLUMNS * COLUMN_WORDS];
    sapmcu_packed_depthwise_conv2d_s8(geometry, params, x, y, scratch, SAPMCU_DEPTHWISE_SMALL_COLUMNS);
}
