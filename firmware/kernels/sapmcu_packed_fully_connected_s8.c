/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/packed_fully_connected.h"

void sapmcu_packed_fully_connected_s8(const sapmcu_packed_conv2d_s8_params *params, const int8_t *x,
                                      int8_t *y, void *scratch) {
    int8_t *const vector = scratch; /* a copy: y may be x */
    const int8_t *const copy[1] = {vector};
    for (uint32_t i = 0; i < params->in_channels; i++) {
        vector[i] = x[i];
    }
    sapmcu_packed_conv2d_row_s8(params, copy, y, scratch);
}
