/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_TRANSPOSE_CONV2D_H
#define SAPMCU_TRANSPOSE_CONV2D_H

/* Transposed convolution of int8 images [H,W,C], a row of the result at a time. */

#include "sapmcu/rows.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Pixel i of x adds, for each tap k, to pixel i * stride_width - pad_left + k of y; so along both axes. The
 * sum over (x - x_zero_point) * filter[o] and bias[o] wraps in 32 bits and is scaled as in conv2d.h. */
typedef struct {
    const int8_t *filter;      /* [out_channels][kernel_height][kernel_width][in_channels], as TFLite */
    const int32_t *bias;       /* [out_channels], TFLite's, without zero points */
    const int32_t *multiplier; /* [out_channels], Q31: 2^30..2^31-1, or 0 with shift 0 */
    const int8_t *shift;       /* [out_channels], -31..30, left is positive */
    uint16_t in_width, in_channels;
    uint16_t out_width, out_channels;
    uint16_t kernel_height, kernel_width;
    uint16_t stride_width;
    uint16_t pad_left; /* pixels of y that are cut off */
    int8_t x_zero_point, y_zero_point;
    int8_t low, high; /* clamp of y, inclusive */
} sapmcu_transpose_conv2d_s8_params;

/* For sapmcu_run_transposed_rows. params: sapmcu_transpose_conv2d_s8_params. rows: [kernel_height], rows[k]
 * is the row of x that adds to this row of y through row k of the filter, or NULL. y: out_width *
 * out_channels bytes. scratch is not used. */
sapmcu_row_fn sapmcu_transpose_conv2d_row_s8;

#ifdef __cplusplus
}
#endif

#endif
