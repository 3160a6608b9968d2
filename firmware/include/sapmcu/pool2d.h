/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_POOL2D_H
#define SAPMCU_POOL2D_H

/* Pooling of int8 images [H,W,C], a row of the result at a time. */

#include "sapmcu/rows.h"

#ifdef __cplusplus
extern "C" {
#endif

/* x and y have one quantization. Each window holds a pixel of x. */
typedef struct {
    uint16_t in_width, out_width;
    uint16_t channels;
    uint16_t kernel_height, kernel_width;
    uint16_t stride_width;
    uint16_t pad_left; /* pixels */
    int8_t low, high;  /* clamp of y, inclusive */
} sapmcu_pool2d_s8_params;

/* Both: params: sapmcu_pool2d_s8_params. rows: [kernel_height], each in_width * channels bytes, NULL outside
 * of the image. y: out_width * channels bytes. scratch is not used. */

/* The mean of a window's pixels inside the image, rounded half away from zero. */
sapmcu_row_fn sapmcu_average_pool2d_row_s8;

/* The largest of them. */
sapmcu_row_fn sapmcu_max_pool2d_row_s8;

#ifdef __cplusplus
}
#endif

#endif
