/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_LANES_CONV2D_H
#define SAPMCU_LANES_CONV2D_H

/* Convolution of int8 images [H,W,C], a row of the result at a time, for cores whose only product is one of
 * 32 bits: two pixels share a word, so that it multiplies both. */

#include "sapmcu/rows.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    SAPMCU_LANES_TAPS = 40,     /* of a window at a time: numbers of a filter */
    SAPMCU_LANES_CHANNELS = 16, /* of y at a time */
    SAPMCU_LANES_END = 0xff
};

/* The result is that of conv2d.h with groups 1.
 *
 * filter: for each SAPMCU_LANES_CHANNELS channels, for each SAPMCU_LANES_TAPS numbers of their filters,
 * channel by channel those numbers, with zeros to a multiple of four. Of four that follow each other the
 * magnitudes add up to 255 at the most. What was taken off for that is in `rest`, in the same order: channel
 * and tap, from the first of those at a time, and the number that was taken off; SAPMCU_LANES_END behind the
 * last. sapmcu/lower/lanes.py makes both. */
typedef struct {
    const uint32_t *filter; /* four int8 numbers, the first in the lowest byte */
    const uint8_t *rest;
    const int32_t *bias;       /* as the rest in conv2d.h */
    const int32_t *multiplier; /* */
    const int8_t *shift;
    const int8_t *zero_row;
    uint16_t in_width, in_channels;
    uint16_t out_width, out_channels;
    uint16_t kernel_height, kernel_width;
    uint16_t stride_width, dilation_width;
    uint16_t pad_left;
    int8_t y_zero_point;
    int8_t low, high;
} sapmcu_lanes_conv2d_s8_params;

/* params: sapmcu_lanes_conv2d_s8_params. rows: [kernel_height], each in_width * in_channels bytes. y:
 * out_width * out_channels bytes. scratch is not used: there are 576 bytes on the stack. */
sapmcu_row_fn sapmcu_lanes_conv2d_row_s8;

#ifdef __cplusplus
}
#endif

#endif
