/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/reduce.h"

void sapmcu_arg_min_s8(const sapmcu_arg_params *params, const int8_t *x, int32_t *y) {
    for (uint32_t outer = 0; outer < params->outer; outer++) {
        for (uint32_t inner = 0; inner < params->inner; inner++) {
            const int8_t *from = x + inner;
            int8_t best = *from;
            int32_t index = 0;
            for (uint32_t i = 1; i < params->size; i++) {
                from += params->inner;
                if (*from < best) {
                    best = *from;
                    index = (int32_t)i;
                }
            }
            *y++ = index;
        }
        x += params->size * params->inner;
    }
}
