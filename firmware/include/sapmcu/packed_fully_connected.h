/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_PACKED_FULLY_CONNECTED_H
#define SAPMCU_PACKED_FULLY_CONNECTED_H

/* A fully connected op of one vector, with packed filters. */

#include "sapmcu/packed_conv2d.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The convolution of an image of one pixel, in fewer instructions. x: in_channels numbers. y: out_channels, 2
 * or more. y may be x. scratch: row_words * 16 bytes, 4-byte aligned. */
void sapmcu_packed_fully_connected_s8(const sapmcu_packed_conv2d_s8_params *params, const int8_t *x,
                                      int8_t *y, void *scratch);

/* params: sapmcu_packed_conv2d_s8_params. rows: [1], the vector. */
sapmcu_row_fn sapmcu_packed_fully_connected_row_s8;

#ifdef __cplusplus
}
#endif

#endif
