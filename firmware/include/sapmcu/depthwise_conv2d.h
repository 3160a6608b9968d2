/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_DEPTHWISE_CONV2D_H
#define SAPMCU_DEPTHWISE_CONV2D_H

/* Convolution of each channel of an int8 image [H,W,C] by itself, a row of the result at a time. */

#include "sapmcu/rows.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Output channel o reads input channel o / channel_multiplier; the formula, bias and zero_row are those of
 * conv2d.h. With in_channels 1 sapmcu_conv2d_row_s8 gives the same from filters [o][ky][kx], and faster. */
typedef struct {
    const int8_t *filter; /* [kernel_height][kernel_width][in_channels * channel_multiplier], as TFLite */
    const int32_t *bias;  /* [in_channels * channel_multiplier], as all three */
    const int32_t *multiplier; /* Q31: 2^30..2^31-1, or 0 with shift 0 */
    const int8_t *shift;       /* -31..30, left is positive */
    const int8_t *zero_row;    /* as in conv2d.h */
    uint16_t in_width, in_channels;
    uint16_t out_width, channel_multiplier;
    uint16_t kernel_height, kernel_width;
    uint16_t stride_width, dilation_width;
    uint16_t pad_left; /* pixels */
    int8_t y_zero_point;
    int8_t low, high; /* clamp of y, inclusive */
} sapmcu_depthwise_conv2d_s8_params;

/* params: sapmcu_depthwise_conv2d_s8_params. rows: [kernel_height], each in_width * in_channels bytes. y:
 * out_width * in_channels * channel_multiplier bytes. scratch is not used. */
sapmcu_row_fn sapmcu_depthwise_conv2d_row_s8;

#ifdef __cplusplus
}
#endif

#endif
