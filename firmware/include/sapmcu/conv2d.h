/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_CONV2D_H
#define SAPMCU_CONV2D_H

/* Convolution of int8 images [H,W,C], a row of the result at a time. */

#include "sapmcu/rows.h"

#ifdef __cplusplus
extern "C" {
#endif

/* y[ox][o] = clamp(y_zero_point + (bias[o] + sum of x * filter[o]) * multiplier[o] * 2^(shift[o] - 31)).
 * Sums wrap in 32 bits; both roundings are TFLM's. x is taken without its zero point: bias[o] holds
 * -x_zero_point * sum(filter[o]), modulo 2^32, and what lies outside of the image is read from zero_row.
 * A convolution 1x1 of stride 1 without padding may take several rows that lie together as one. */
typedef struct {
    const int8_t *filter; /* [out_channels][kernel_height][kernel_width][in_channels / groups], as TFLite */
    const int32_t *bias;  /* [out_channels] */
    const int32_t *multiplier; /* [out_channels], Q31: 2^30..2^31-1, or 0 with shift 0 */
    const int8_t *shift;       /* [out_channels], -31..30, left is positive */
    const int8_t *zero_row; /* x's zero point, max(in_width, kernel_width) * in_channels times; the driver's
                               too. NULL if nothing is padded */
    uint16_t in_width, in_channels;
    uint16_t out_width, out_channels;
    uint16_t kernel_height, kernel_width;
    uint16_t stride_width, dilation_width;
    uint16_t pad_left; /* pixels; the padding on the right follows from the sizes */
    uint16_t groups;   /* divides in_channels and out_channels */
    int8_t y_zero_point;
    int8_t low, high; /* clamp of y, inclusive */
} sapmcu_conv2d_s8_params;

/* params: sapmcu_conv2d_s8_params. rows: [kernel_height], each in_width * in_channels bytes. y: out_width *
 * out_channels bytes. scratch is not used. */
sapmcu_row_fn sapmcu_conv2d_row_s8;

#ifdef __cplusplus
}
#endif

#endif
