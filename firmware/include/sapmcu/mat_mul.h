/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_MAT_MUL_H
#define SAPMCU_MAT_MUL_H

/* Products of int8 matrices that are known only at run time. */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* z[m][n] = clamp(z_zero_point + (bias[n] + sum over k of (x[m][k] - x_zero_point) * (y[k][n] -
 * y_zero_point))
 * * multiplier * 2^(shift - 31)). Sums wrap in 32 bits; both roundings are TFLM's.
 * A matrix lies row after row, or column after column: x[m][k] at m * depth + k or at k * rows + m; y[k][n]
 * at k * columns + n or at n * depth + k. z lies row after row. A fully connected op whose filter [O,K] is no
 * constant is this with y = filter, is_y_transposed = 1. */
typedef struct {
    const int32_t *bias; /* [columns], TFLite's; NULL: none */
    int32_t multiplier;  /* Q31: 2^30..2^31-1, or 0 with shift 0 */
    int32_t shift;       /* -31..30, left is positive */
    uint32_t rows, depth, columns;
    uint8_t is_x_transposed, is_y_transposed;
    int8_t x_zero_point, y_zero_point, z_zero_point;
    int8_t low, high; /* clamp of z, inclusive */
} sapmcu_mat_mul_s8_params;

/* z overlaps neither x nor y. No alignment is asked for. */
void sapmcu_mat_mul_s8(const sapmcu_mat_mul_s8_params *params, const int8_t *x, const int8_t *y, int8_t *z);

/* z[m] = clamp(z_zero_point + (sum over k of (x[m][k] - x_zero_point) * (y[m][k] - y_zero_point)) *
 * multiplier
 * * 2^(shift - 31)): `rows` products of one row and one column each, which all follow each other. bias,
 * columns and is_*_transposed aren't looked at. z may begin where x or y begins. No alignment is asked for.
 */
void sapmcu_dot_products_s8(const sapmcu_mat_mul_s8_params *params, const int8_t *x, const int8_t *y,
                            int8_t *z);

enum { SAPMCU_MAT_MUL_MAX_LOOPS = 3 };

/* The axes before the last two: `count` products, each so many bytes further in x and y (0: the same again).
 */
typedef struct {
    uint32_t count[SAPMCU_MAT_MUL_MAX_LOOPS]; /* the outermost first; 1 where there is none */
    uint32_t x_stride_bytes[SAPMCU_MAT_MUL_MAX_LOOPS];
    uint32_t y_stride_bytes[SAPMCU_MAT_MUL_MAX_LOOPS];
} sapmcu_mat_mul_batches;

/* All products; those in z follow each other. */
void sapmcu_run_mat_mul(const sapmcu_mat_mul_batches *batches, const sapmcu_mat_mul_s8_params *params,
                        const int8_t *x, const int8_t *y, int8_t *z);

#ifdef __cplusplus
}
#endif

#endif
