/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/lut.h"

void sapmcu_lut_s8(const int8_t *table, const int8_t *x, int8_t *y, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        y[i] = table[(uint8_t)x[i]];
    }
}
