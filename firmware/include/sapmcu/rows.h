/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_ROWS_H
#define SAPMCU_ROWS_H

/* Row kernels and their drivers. A row is one row of an image: width * channels bytes. */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Compute one row of y from the rows of x that its window covers, from top to bottom. No kernel assumes that
 * rows lie together. Rows may be unaligned; y overlaps none of them. */
typedef void sapmcu_row_fn(const void *params, const int8_t *const *rows, int8_t *y, void *scratch);

/* Rows that a window may cover. A window as high as an unpadded image needs only one: the image is then one
 * row of height * width pixels (for a convolution: if the window is as wide as the image, too). */
enum { SAPMCU_MAX_WINDOW = 32 };

/* Which rows of x a row of y reads. Sizes are in rows. */
typedef struct {
    uint16_t in_rows, out_rows;
    uint16_t window; /* 1..SAPMCU_MAX_WINDOW */
    uint16_t stride, dilation;
    uint16_t pad_top;
    uint32_t in_row_bytes, out_row_bytes;
    const int8_t *zero_row; /* stands for a row outside of x; NULL for pools and transposed convolutions */
} sapmcu_rows;

/* One image: row o of y reads rows o * stride - pad_top + k * dilation of x, k = 0..window-1. y overlaps x
 * only where the plan has proved that no row is overwritten before its last use. */
void sapmcu_run_rows(const sapmcu_rows *geometry, sapmcu_row_fn *row, const void *params, const int8_t *x,
                     int8_t *y, void *scratch);

/* One image, transposed: row i of x reaches rows i * stride - pad_top + k * dilation of y; where there is no
 * such i, rows[k] is zero_row. */
void sapmcu_run_transposed_rows(const sapmcu_rows *geometry, sapmcu_row_fn *row, const void *params,
                                const int8_t *x, int8_t *y, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
