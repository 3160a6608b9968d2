/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_PACKED_DEPTHWISE_CONV2D_H
#define SAPMCU_PACKED_DEPTHWISE_CONV2D_H

/* Convolution 3x3 of each channel of an int8 image [H,W,C] by itself, a row of the result at a time, with
 * packed filters. The formula and its proof are those of packed_conv2d.h. */

#include "sapmcu/rows.h"

#ifdef __cplusplus
extern "C" {
#endif

/* filter, for every four channels, with 2^n of each by which its sums are scaled, 8 <= n <= 16, and n = 8
 * with shift > 0: their biases by 2^n; then column by column of the window, all by 2^(n-8) as int16: for each
 * channel rows 0 and 1, row 2 of channels 0 and 2, row 2 of channels 1 and 3; factor and offset of each
 * channel; with shift > 0 negative of each. The last four channels are C - 4..C - 1, whatever C is. */
typedef struct {
    const int32_t *filter;
    uint16_t in_width, channels; /* 4 or more channels */
    uint16_t out_width;
    uint16_t stride_width; /* 1..13 */
    uint16_t pad_left;     /* pixels */
    int8_t x_zero_point;   /* what lies outside of the image */
    uint8_t shift;
    int8_t low, high; /* clamp of y, inclusive */
} sapmcu_packed_depthwise_conv2d_s8_params;

/* Columns of x that sapmcu_packed_depthwise_conv2d_row_s8 widens at once. */
#define SAPMCU_DEPTHWISE_ROW_COLUMNS 16

/* params: sapmcu_packed_depthwise_conv2d_s8_params. rows: [3], each in_width * channels bytes. y: out_width *
 * channels bytes; it may be one of the rows, if these are all columns from the first window to the last and
 * channels are a multiple of 4. scratch is not used. */
sapmcu_row_fn sapmcu_packed_depthwise_conv2d_row_s8;

/* The same for a whole image, four channels at a time. geometry: window 3, stride 1 or 2, dilation 1. filter,
 * for every two of four channels: their biases; then column by column of the window: for each channel rows 0
 * and 1, for each rows 1 and 2; factor and offset of each. shift is 0. scratch: 4-byte aligned, 32 bytes for
 * each of so many columns at a time as there is room for, 3 or more. y may be x, if these are all from the
 * first window to the last, channels are a multiple of 4, pad_top isn't above 2 and y isn't wider or higher
 * than x. */
void sapmcu_packed_depthwise_conv2d_s8(const sapmcu_rows *geometry,
                                       const sapmcu_packed_depthwise_conv2d_s8_params *params,
                                       const int8_t *x, int8_t *y, void *scratch, uint32_t room);

/* Columns that sapmcu_packed_depthwise_conv2d_small_s8 has room for on the stack. */
#define SAPMCU_DEPTHWISE_SMALL_COLUMNS 16

/* The same without scratch. */
void sapmcu_packed_depthwise_conv2d_small_s8(const sapmcu_rows *geometry,
                                             const sapmcu_packed_depthwise_conv2d_s8_params *params,
                                             const int8_t *x, int8_t *y);

#ifdef __cplusplus
}
#endif

#endif
