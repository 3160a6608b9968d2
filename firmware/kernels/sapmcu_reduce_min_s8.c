/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/reduce.h"

static int8_t smallest(const sapmcu_reduce_loops *loops, const int8_t *x) {
    int8_t min = *x;
    for (uint32_t i = 0; i < loops->reduced_count[0]; i++) {
        for (uint32_t j = 0; j < loops->reduced_count[1]; j++) {
            const int8_t *from = x + i * loops->reduced_stride[0] + j * loops->reduced_stride[1];
            for (uint32_t k = 0; k < loops->reduced_count[2]; k++) {
                min = *from < min ? *from : min;
                from += loops->reduced_stride[2];
            }
        }
    }
    return min;
}

void sapmcu_reduce_min_s8(const sapmcu_reduce_loops *loops, const int8_t *x, int8_t *y) {
    for (uint32_t i = 0; i < loops->kept_count[0]; i++) {
        for (uint32_t j = 0; j < loops->kept_count[1]; j++) {
            const int8_t *from = x + i * loops->kept_stride[0] + j * loops->kept_stride[1];
            for (uint32_t k = 0; k < loops->kept_count[2]; k++) {
                *y++ = smallest(loops, from);
                from += loops->kept_stride[2];
            }
        }
    }
}
