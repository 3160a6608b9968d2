/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_REDUCE_H
#define SAPMCU_REDUCE_H

/* Reductions of int8 tensors over any axes. */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { SAPMCU_REDUCE_MAX_LOOPS = 3 };

/* x as nested loops: neighbouring axes of one kind are one loop, so six axes need three of each kind. A loop
 * that isn't needed has the count 1. y is written in the order of the kept loops, without gaps. */
typedef struct {
    uint32_t kept_count[SAPMCU_REDUCE_MAX_LOOPS]; /* the outermost first */
    uint32_t kept_stride[SAPMCU_REDUCE_MAX_LOOPS];
    uint32_t reduced_count[SAPMCU_REDUCE_MAX_LOOPS];
    uint32_t reduced_stride[SAPMCU_REDUCE_MAX_LOOPS];
} sapmcu_reduce_loops;

/* y = (sum of x + bias) * multiplier * 2^(shift - 31) + zero_point, with TFLM's double rounding, clamped to
 * int8. bias is -(numbers in the sum) * (zero point of x); a mean's multiplier holds the division. */
typedef struct {
    sapmcu_reduce_loops loops;
    int32_t bias;
    int32_t multiplier; /* Q31, 0..2^31-1 */
    int32_t shift;      /* -31..30, left is positive */
    int32_t zero_point; /* of y */
} sapmcu_reduce_sum_s8_params;

/* SUM and MEAN. x and y don't overlap. */
void sapmcu_reduce_sum_s8(const sapmcu_reduce_sum_s8_params *params, const int8_t *x, int8_t *y);

/* REDUCE_MAX and REDUCE_MIN: y has x's quantization. x and y don't overlap. */
void sapmcu_reduce_max_s8(const sapmcu_reduce_loops *loops, const int8_t *x, int8_t *y);
void sapmcu_reduce_min_s8(const sapmcu_reduce_loops *loops, const int8_t *x, int8_t *y);

/* x [outer, size, inner] -> y [outer, inner]: the index of the first largest or smallest, int32, 4-byte
 * aligned. */
typedef struct {
    uint32_t outer, size, inner;
} sapmcu_arg_params;

/* x and y don't overlap. */
void sapmcu_arg_max_s8(const sapmcu_arg_params *params, const int8_t *x, int32_t *y);
void sapmcu_arg_min_s8(const sapmcu_arg_params *params, const int8_t *x, int32_t *y);

#ifdef __cplusplus
}
#endif

#endif
