/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_L2_NORMALIZATION_H
#define SAPMCU_L2_NORMALIZATION_H

/* Vectors of length 1: the last axis of int8 tensors [rows, length]. */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int32_t zero_point;    /* of x */
    uint32_t rows, length; /* length is at most 33,025, so that the sum of squares stays below 2^31 */
} sapmcu_l2_normalization_s8_params;

/* y = x / sqrt(sum of x^2), in steps of 1/128. y may be x. */
void sapmcu_l2_normalization_s8(const sapmcu_l2_normalization_s8_params *params, const int8_t *x, int8_t *y);

#ifdef __cplusplus
}
#endif

#endif
