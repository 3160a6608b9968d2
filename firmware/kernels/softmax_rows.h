/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_SOFTMAX_ROWS_H
#define SAPMCU_SOFTMAX_ROWS_H

/* What softmax and its logarithm share; for kernels only. */

#include <stdint.h>

static inline int32_t sapmcu_largest_of_row(const int8_t *x, uint32_t length) {
    int32_t max = x[0];
    for (uint32_t i = 1; i < length; i++) {
        max = x[i] > max ? x[i] : max;
    }
    return max;
}

#endif
