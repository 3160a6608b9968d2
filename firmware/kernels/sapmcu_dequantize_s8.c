/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/lut.h"

void sapmcu_dequantize_s8(const float *table, const int8_t *x, float *y, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        y[i] = table[(uint8_t)x[i]];
    }
}
