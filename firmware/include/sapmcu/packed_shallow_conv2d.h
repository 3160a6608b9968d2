/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_PACKED_SHALLOW_CONV2D_H
#define SAPMCU_PACKED_SHALLOW_CONV2D_H

/* Convolutions whose windows have so few numbers that a pixel's have room in registers, a row of the result
 * at a time. The formula and its proof are those of packed_conv2d.h. */

#include "sapmcu/rows.h"

#ifdef __cplusplus
extern "C" {
#endif

/* filter, for every channel, by 2^n of its own with 8 <= n <= 16: its bias by 2^n; five words of two lanes,
 * by 2^(n-8) as int16, which the kernels name; factor and offset. */
typedef struct {
    const int32_t *filter;
    uint16_t in_width, in_channels;
    uint16_t out_width, out_channels;
    uint16_t stride_width;
    uint16_t pad_left;   /* pixels */
    int8_t x_zero_point; /* what lies beside the image */
    int8_t low, high;    /* clamp of y, inclusive */
} sapmcu_packed_shallow_conv2d_s8_params;

/* 1x1, 1..8 channels, without padding. Lanes of filter: channels 0 and 2, 1 and 3, 4 and 6, 5 and 7; none.
 * rows: [1]. y: out_width * out_channels bytes. scratch is not used. */
sapmcu_row_fn sapmcu_packed_shallow_conv2d_row_s8;

/* 3x3, one channel. Lanes: column 0 of rows 0 and 1; row 2 of columns 0 and 2; column 1 of rows 0 and 1; row
 * 2 of column 1, none; column 2 of rows 0 and 1. rows: [3], in_width bytes each. scratch is not used. */
sapmcu_row_fn sapmcu_packed_plane_conv2d_row_s8;

#ifdef __cplusplus
}
#endif

#endif
