/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/reduce.h"

#include "sapmcu/requantize.h"

static int32_t sum_of(const sapmcu_reduce_loops *loops, const int8_t *x) {
    int32_t sum = 0;
    for (uint32_t i = 0; i < loops->reduced_count[0]; i++) {
        for (uint32_t j = 0; j < loops->reduced_count[1]; j++) {
            const int8_t *from = x + i * loops->reduced_stride[0] + j * loops->reduced_stride[1];
            for (uint32_t k = 0; k < loops->reduced_count[2]; k++) {
                sum += *from;
                from += loops->reduced_stride[2];
            }
        }
    }
    return sum;
}

void sapmcu_reduce_sum_s8(const sapmcu_reduce_sum_s8_params *params, const int8_t *x, int8_t *y) {
    const sapmcu_reduce_loops *loops = &params->loops;
    for (uint32_t i = 0; i < loops->kept_count[0]; i++) {
        for (uint32_t j = 0; j < loops->kept_count[1]; j++) {
            const int8_t *from = x + i * loops->kept_stride[0] + j * loops->kept_stride[1];
            for (uint32_t k = 0; k < loops->kept_count[2]; k++) {
                int32_t sum = sapmcu_wrapping_add(sum_of(loops, from), params->bias);
                int32_t scaled = sapmcu_scale(sum, params->multiplier, params->shift);
                *y++ = sapmcu_clamp(sapmcu_wrapping_add(scaled, params->zero_point), -128, 127);
                from += loops->kept_stride[2];
            }
        }
    }
}
