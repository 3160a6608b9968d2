/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_ROW_KERNELS_H
#define SAPMCU_ROW_KERNELS_H

/* Ops of whole tensors, a row at a time, for cascades (cascade.h). None uses scratch. `rows` are those of the
 * operands that vary, in the op's order; an operand that each row of y needs lies together, and its row is
 * all of it. Row kernels of convolutions and pools are in their own headers. */

#include "sapmcu/binary.h"
#include "sapmcu/copy.h"
#include "sapmcu/fully_connected.h"
#include "sapmcu/l2_normalization.h"
#include "sapmcu/lut.h"
#include "sapmcu/mat_mul.h"
#include "sapmcu/prelu.h"
#include "sapmcu/reduce.h"
#include "sapmcu/resize.h"
#include "sapmcu/rows.h"
#include "sapmcu/softmax.h"
#include "sapmcu/transpose_conv2d.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- Element by element: y may be a row that isn't repeated. */

/* geometry: of a row. x, y: a constant operand, or NULL: it varies. step_bytes: from one row of the constant
 * to the next, behind the rows comes the address of y's index then, a uint32_t; 0: it is the same for all
 * rows. */
typedef struct {
    sapmcu_broadcast geometry;
    sapmcu_binary_fn *kernel;
    const void *params; /* of the kernel */
    const int8_t *x, *y;
    uint32_t step_bytes;
} sapmcu_binary_row_s8_params;

sapmcu_row_fn sapmcu_binary_row_s8; /* params: sapmcu_binary_row_s8_params */

typedef struct {
    const int8_t *lut; /* [256] */
    uint32_t count;    /* numbers in a row */
} sapmcu_lut_row_s8_params;

sapmcu_row_fn sapmcu_lut_row_s8;   /* params: sapmcu_lut_row_s8_params */
sapmcu_row_fn sapmcu_prelu_row_s8; /* params: sapmcu_prelu_s8_params of a row */

/* --- Over the last axis: y may be the row of x. */

sapmcu_row_fn sapmcu_softmax_row_s8;          /* params: sapmcu_softmax_s8_params of a row */
sapmcu_row_fn sapmcu_log_softmax_row_s8;      /* params: sapmcu_log_softmax_s8_params of a row */
sapmcu_row_fn sapmcu_l2_normalization_row_s8; /* params: sapmcu_l2_normalization_s8_params of a row */

/* --- Products: y overlaps no row. */

sapmcu_row_fn sapmcu_fully_connected_row_s8; /* params: sapmcu_fully_connected_s8_params of a row */

/* x, y: a constant operand, or NULL: it varies. batches, product: of a row of the result. */
typedef struct {
    const int8_t *x, *y;
    sapmcu_mat_mul_batches batches;
    sapmcu_mat_mul_s8_params product;
} sapmcu_mat_mul_row_s8_params;

sapmcu_row_fn sapmcu_mat_mul_row_s8; /* params: sapmcu_mat_mul_row_s8_params */

/* y may begin where a row does. */
sapmcu_row_fn sapmcu_dot_products_row_s8; /* params: sapmcu_mat_mul_s8_params of a row */

/* --- Reductions inside a row: y overlaps no row. */

sapmcu_row_fn sapmcu_reduce_sum_row_s8; /* params: sapmcu_reduce_sum_s8_params of a row */
sapmcu_row_fn sapmcu_reduce_max_row_s8; /* params: sapmcu_reduce_loops of a row */
sapmcu_row_fn sapmcu_reduce_min_row_s8; /* params: sapmcu_reduce_loops of a row */

/* y: int32 of each group, 4-byte aligned. */
sapmcu_row_fn sapmcu_arg_max_row_s8; /* params: sapmcu_arg_params of a row */
sapmcu_row_fn sapmcu_arg_min_row_s8; /* params: sapmcu_arg_params of a row */

/* --- Reductions over rows: an update, row by row of x, then for sums a kernel that makes y of them.
 * Sums are int32 [channels]; where is_narrow, int16, which has room for 256 numbers. 4-byte aligned. */

typedef struct {
    uint16_t width, channels; /* of a row of x */
    uint8_t is_narrow;
} sapmcu_sum_row_s8_params;

/* params: sapmcu_sum_row_s8_params. rows: a row of x [width, channels], and the sums so far, which are y, or
 * NULL: there are none yet. y: the sums with this row. */
sapmcu_row_fn sapmcu_sum_row_s8;

/* A mean as average pools round it: half away from zero. y = clamp(sum / count). */
typedef struct {
    uint32_t count;    /* numbers in each sum */
    uint16_t channels; /* of y */
    uint8_t is_narrow; /* the sums */
    int8_t low, high;  /* clamp of y, inclusive */
} sapmcu_average_row_s8_params;

/* params: sapmcu_average_row_s8_params. rows: the sums. y: [channels]. */
sapmcu_row_fn sapmcu_average_row_s8;

/* As sapmcu_reduce_sum_s8_params. */
typedef struct {
    int32_t bias;
    int32_t multiplier;
    int32_t shift;
    int32_t zero_point;
    uint16_t channels;
    uint8_t is_narrow; /* the sums */
} sapmcu_mean_row_s8_params;

/* MEAN and SUM. params: sapmcu_mean_row_s8_params. rows: the sums. y: [channels]. */
sapmcu_row_fn sapmcu_mean_row_s8;

static inline int32_t sapmcu_sum_at(const int8_t *sums, uint32_t index, int is_narrow) {
    const void *const all = sums;
    return is_narrow ? ((const int16_t *)all)[index] : ((const int32_t *)all)[index];
}

static inline void sapmcu_set_sum(int8_t *sums, uint32_t index, int is_narrow, int32_t sum) {
    void *const all = sums;
    if (is_narrow) {
        ((int16_t *)all)[index] = (int16_t)sum;
    } else {
        ((int32_t *)all)[index] = sum;
    }
}

typedef struct {
    uint16_t width, channels; /* of a row of x */
    int8_t low, high;         /* clamp of y, inclusive */
} sapmcu_largest_row_s8_params;

/* params: sapmcu_largest_row_s8_params. rows: a row of x [width, channels], and the largest numbers so far,
 * which are y, or NULL: there are none yet. y: [channels]. */
sapmcu_row_fn sapmcu_largest_row_s8;

/* --- Images of another size: y overlaps no row. */

sapmcu_row_fn sapmcu_nearest_row; /* params: sapmcu_resize_nearest_params. rows: the one that y copies */

/* params: sapmcu_resize_bilinear_s8_params. rows: the two that y lies between, the second NULL where there is
 * none; and the address of y's index, a uint32_t. */
sapmcu_row_fn sapmcu_bilinear_row_s8;

/* window: rows of x that a row of y may need. */
typedef struct {
    uint16_t window, stride, pad_top;
    sapmcu_transpose_conv2d_s8_params product;
} sapmcu_transposed_row_s8_params;

/* params: sapmcu_transposed_row_s8_params. rows: the last `window` rows of x that meet the row of y; the
 * first ones where there are fewer, NULL behind x's end; and the address of y's index, a uint32_t. */
sapmcu_row_fn sapmcu_transposed_row_s8;

/* --- Moves, of any type: y overlaps no row. */

/* Row k of `rows` rows goes to y + k * y_step_bytes as `copy` says. */
typedef struct {
    sapmcu_copy_params copy;
    uint32_t rows;
    uint32_t y_step_bytes;
} sapmcu_copy_rows_params;

sapmcu_row_fn sapmcu_copy_rows; /* params: sapmcu_copy_rows_params. rows: [rows] of one tensor */

/* A part of a row: row o of y is what `copy` says of the bytes from offsets[o] on. */
typedef struct {
    sapmcu_copy_params copy;
    const uint32_t *offsets;
} sapmcu_copy_part_row_params;

/* params: sapmcu_copy_part_row_params. rows: one, and the address of o, a uint32_t. */
sapmcu_row_fn sapmcu_copy_part_row;

/* A row with more columns: y is filled with an element, then x copied into it. */
typedef struct {
    const void *element;
    uint32_t element_bytes; /* 1, 2, 4 or 8 */
    uint32_t count;         /* elements of a row of y */
    sapmcu_copy_params copy;
} sapmcu_pad_row_params;

sapmcu_row_fn sapmcu_pad_row; /* params: sapmcu_pad_row_params. rows: [1]; NULL: only elements */

#ifdef __cplusplus
}
#endif

#endif
