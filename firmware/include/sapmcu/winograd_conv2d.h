/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_WINOGRAD_CONV2D_H
#define SAPMCU_WINOGRAD_CONV2D_H

/* Convolution with 3x3 windows and stride 1, two rows of the result at a time, by F(2x2, 3x3): 16 products
 * for the four results of a tile in place of 36. In integers, so that no bit is lost: the transform of the
 * filters is twice the usual one in each direction.
 * Source: A. Lavin, S. Gray: Fast Algorithms for Convolutional Neural Networks, 2015, section 4.1. */

#include "sapmcu/rows.h"

#ifdef __cplusplus
extern "C" {
#endif

/* y as in packed_conv2d.h, with 2^n * sum in place of 256 * sum, |2^n * sum| < 2^31, for an n of 6 to 8 that
 * filters and biases have in them.
 *
 * Tiles are 4x4 numbers d of x, 2x2 results y = A^T ((G g G^T) * (B^T d B)) A, where
 *     B^T = [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, -1, 0, 1]]
 *     G = [[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]],  A^T = [[1, 1, 1, 0], [0, 1, -1, 1]]
 *
 * filter, for every two channels 0 and 1: 2^n * bias 0, 2^n * bias 1; 2^(n - 2) * G g G^T, by column j = 1,
 * 2, 0, 3, in each by row i = 1, 2, 0, 3: of every four numbers along the depth 0 and 2 of channel 0, 0 and 2
 * of channel 1, 1 and 3 of channel 0, 1 and 3 of channel 1, as int16; factor 0, offset 0, factor 1, offset 1;
 * with shift > 0 negative 0, negative 1. */
typedef struct {
    const int32_t *filter;
    const int8_t *zero_row;           /* as in conv2d.h */
    uint16_t in_width, in_channels;   /* channels: 4..64, a multiple of 4 */
    uint16_t out_width, out_channels; /* width: 4 or more; an even number of channels */
    uint16_t pad_left;                /* pixels */
    uint8_t shift;
    int8_t low, high; /* clamp of y, inclusive */
} sapmcu_winograd_conv2d_s8_params;

/* params: sapmcu_winograd_conv2d_s8_params. rows: [4], each in_width * in_channels bytes. y: two rows, one
 * behind the other, of out_width * out_channels bytes. scratch: 4-byte aligned, 64 * in_channels bytes. */
sapmcu_row_fn sapmcu_winograd_conv2d_rows_s8;

#ifdef __cplusplus
}
#endif

#endif
