/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_RESIZE_H
#define SAPMCU_RESIZE_H

/* Resizing of images [N,H,W,C]: row kernels and their drivers. */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Copies of the nearest pixels, of any type. The tables are made by the compiler: TFLM computes them in
 * float32. */
typedef struct {
    const uint16_t *rows;    /* [out_height], the row of x that each row of y copies */
    const uint16_t *columns; /* [out_width], the same for columns */
    uint16_t batches, in_height, in_width, out_height, out_width;
    uint16_t pixel_bytes; /* C elements */
} sapmcu_resize_nearest_params;

/* One row of y from a row of x. They don't overlap. */
void sapmcu_resize_nearest_row(const sapmcu_resize_nearest_params *params, const void *x_row, void *y_row);

/* All images. x and y don't overlap. */
void sapmcu_resize_nearest(const sapmcu_resize_nearest_params *params, const void *x, void *y);

/* Row (or column) i of y lies at clamp(i * step + origin, 0, (in_size - 1) * 1024) in x, in 1/1024 pixels.
 * The two nearest pixels are weighted in 1/1024, their products summed in 2^-20 and rounded once, half away
 * from zero. */
typedef struct {
    int32_t row_step, row_origin;
    int32_t column_step, column_origin;
    uint16_t batches, in_height, in_width, out_height, out_width;
    uint16_t channels;
} sapmcu_resize_bilinear_s8_params;

/* The rows of x that row `row` of y reads: the first, and whether the next one too (0 or 1). */
uint32_t sapmcu_resize_bilinear_first_row(const sapmcu_resize_bilinear_s8_params *params, uint32_t row,
                                          uint32_t *has_second);

/* Row `row` of y from rows[0] and rows[1], the first and second row that it reads (the same where there is
 * one). y_row overlaps neither. */
void sapmcu_resize_bilinear_row_s8(const sapmcu_resize_bilinear_s8_params *params, uint32_t row,
                                   const int8_t *const *rows, int8_t *y_row);

/* All images. x and y don't overlap. */
void sapmcu_resize_bilinear_s8(const sapmcu_resize_bilinear_s8_params *params, const int8_t *x, int8_t *y);

#ifdef __cplusplus
}
#endif

#endif
