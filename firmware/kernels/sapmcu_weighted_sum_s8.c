/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/binary.h"
#include "sapmcu/requantize.h"

void sapmcu_weighted_sum_s8(const void *params, const sapmcu_binary_run *run, const int8_t *x,
                            const int8_t *y, int8_t *z) {
    const sapmcu_weighted_sum_s8_params *const p = params;
    for (uint32_t i = 0; i < run->count; i++) {
        const int32_t sum = p->offset + *x * p->x_factor + *y * p->y_factor;
        *z++ = sapmcu_clamp(sum >> SAPMCU_WEIGHTED_SUM_BITS, INT8_MIN, INT8_MAX);
        x += run->x_step;
        y += run->y_step;
    }
}
