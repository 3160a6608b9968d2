/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_SOFTMAX_H
#define SAPMCU_SOFTMAX_H

/* Softmax and its logarithm over the last axis of int8 tensors [rows, length]. */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A table holds, for differences d = 0..255 of a number to the largest of its row, e^(-d * scale) and the
 * like. */
typedef struct {
    const int32_t *exponentials; /* [entries], Q0.31 */
    uint32_t entries;            /* 1..256; from this d on e^(-d * scale) is 0 */
    uint32_t rows, length;
} sapmcu_softmax_s8_params;

/* y in steps of 1/256 from -128 on. y may be x. */
void sapmcu_softmax_s8(const sapmcu_softmax_s8_params *params, const int8_t *x, int8_t *y);

typedef struct {
    const int32_t *exponentials; /* [256], Q12.19 */
    const int32_t *scaled;       /* [256], -d * scale in Q5.26 */
    int32_t limit;               /* the largest d whose scaled form Q5.26 holds */
    int32_t multiplier, shift;   /* of Q5.26 back to differences */
    uint32_t rows, length;       /* length is at most 4095, so that sums stay in Q12.19 */
} sapmcu_log_softmax_s8_params;

/* y in steps of 1/16 from 127 down. y may be x. */
void sapmcu_log_softmax_s8(const sapmcu_log_softmax_s8_params *params, const int8_t *x, int8_t *y);

#ifdef __cplusplus
}
#endif

#endif
