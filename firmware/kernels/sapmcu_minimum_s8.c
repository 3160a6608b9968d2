/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/binary.h"

void sapmcu_minimum_s8(const void *params, const sapmcu_binary_run *run, const int8_t *x, const int8_t *y,
                       int8_t *z) {
    (void)params;
    for (uint32_t i = 0; i < run->count; i++) {
        *z++ = *x < *y ? *x : *y;
        x += run->x_step;
        y += run->y_step;
    }
}
