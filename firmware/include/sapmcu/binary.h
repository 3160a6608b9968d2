/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_BINARY_H
#define SAPMCU_BINARY_H

/* Arithmetic of two int8 tensors, element by element, with broadcasting. */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Elements that a kernel takes at once: z[i] from x[i * x_step] and y[i * y_step]. */
typedef struct {
    uint32_t count;
    uint8_t x_step, y_step; /* 1, or 0: the same number again and again */
} sapmcu_binary_run;

/* z may be an operand of step 1. Other overlaps aren't allowed. No alignment is asked for. */
typedef void sapmcu_binary_fn(const void *params, const sapmcu_binary_run *run, const int8_t *x,
                              const int8_t *y, int8_t *z);

/* One axis: `count` runs (or blocks of them), each so many bytes further in x and y (0: the same again). */
typedef struct {
    uint32_t count;
    uint32_t x_stride_bytes, y_stride_bytes;
} sapmcu_broadcast_loop;

enum { SAPMCU_BROADCAST_MAX_LOOPS = 5 };

/* Tensors of several axes; neighbouring axes that are alike are one. */
typedef struct {
    const sapmcu_broadcast_loop *loops; /* the outermost first */
    uint32_t loop_count;                /* 0..SAPMCU_BROADCAST_MAX_LOOPS */
    sapmcu_binary_run run;              /* the innermost axis */
} sapmcu_broadcast;

/* All elements of z, in their order. z may be an operand that isn't repeated. */
void sapmcu_run_binary(const sapmcu_broadcast *geometry, sapmcu_binary_fn *kernel, const void *params,
                       const int8_t *x, const int8_t *y, int8_t *z);

/* Of sums and differences: x' = (x - x_zero_point) * 2^bits * x_multiplier * 2^(x_shift - 31), y' likewise,
 * and z = clamp(z_zero_point + result * z_multiplier * 2^(z_shift - 31)), each product with TFLM's two
 * roundings. bits are 20, for squares 7. Multipliers are Q31: 2^30..2^31-1, or 0 with shift 0. */
typedef struct {
    int32_t x_multiplier, y_multiplier, z_multiplier;
    int8_t x_shift, y_shift; /* -31..0 */
    int8_t z_shift;          /* -31..0; for squares -31..30 */
    int8_t x_zero_point, y_zero_point, z_zero_point;
    int8_t low, high; /* clamp of z, inclusive */
} sapmcu_sum_s8_params;

sapmcu_binary_fn sapmcu_add_s8;                /* params: sapmcu_sum_s8_params; result = x' + y' */
sapmcu_binary_fn sapmcu_sub_s8;                /* params: sapmcu_sum_s8_params; result = x' - y' */
sapmcu_binary_fn sapmcu_squared_difference_s8; /* params: sapmcu_sum_s8_params; result = (x' - y')^2 */

/* Sums and differences for which the compiler proved, pair by pair of numbers, that z = saturate((offset + x
 * * x_factor + y * y_factor) >> SAPMCU_WEIGHTED_SUM_BITS) to int8 is TFLM's result:
 * sapmcu/lower/weighted_sum.py. No part of the sum overflows. */
#define SAPMCU_WEIGHTED_SUM_BITS 22

typedef struct {
    int32_t x_factor, y_factor, offset;
} sapmcu_weighted_sum_s8_params;

sapmcu_binary_fn sapmcu_weighted_sum_s8; /* params: sapmcu_weighted_sum_s8_params */

/* z = clamp(z_zero_point + result * multiplier * 2^(shift - 31)), with TFLM's roundings. */
typedef struct {
    int32_t multiplier; /* Q31: 2^30..2^31-1, or 0 with shift 0 */
    int8_t shift;       /* -31..30, left is positive; of quotients at most 22 */
    int8_t x_zero_point, y_zero_point, z_zero_point;
    int8_t low, high; /* clamp of z, inclusive */
} sapmcu_product_s8_params;

/* params: sapmcu_product_s8_params; result = (x - x_zero_point) * (y - y_zero_point). */
sapmcu_binary_fn sapmcu_mul_s8;

/* params: sapmcu_product_s8_params; result = (x - x_zero_point) / (y - y_zero_point). Where TFLM leaves a
 * quotient open (y is its zero point, or a shift is over 31 bits) z is any number of low..high. */
sapmcu_binary_fn sapmcu_div_s8;

/* params: not used, NULL. All three tensors have one quantization. */
sapmcu_binary_fn sapmcu_maximum_s8;
sapmcu_binary_fn sapmcu_minimum_s8;

#ifdef __cplusplus
}
#endif

#endif
