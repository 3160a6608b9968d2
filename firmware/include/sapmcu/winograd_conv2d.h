/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_WINOGRAD_CONV2D_H
#define SAPMCU_WINOGRAD_CONV2D_H

/* Convolution with 3x3 windows and stride 1 by Winograd's tiles: F(4, 3) along a row of the result, 18
 * products for four results in place of 36, or F(2x2, 3x3) for two rows at a time, 16 products. In integers,
 * so that no bit is lost: the transform of the filters is 24 times the usual one, or twice in each direction.
 * Source: A. Lavin, S. Gray: Fast Algorithms for Convolutional Neural Networks, 2015, sections 4.1 and 4.3.
 */

#include "sapmcu/rows.h"

#ifdef __cplusplus
extern "C" {
#endif

/* y as in packed_conv2d.h, with s * sum in place of 256 * sum, |s * sum| < 2^31, for an s that filters and
 * biases have in them: 24 * 2^n for F(4, 3), 4 * 2^n for F(2x2, 3x3).
 *
 * F(4, 3): a tile is six columns d of three rows of x, and gives A^T sum((G g) * (B^T d)) over the rows,
 * where B^T = [[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0], [0, -2, -1, 2, 1, 0], [0, 2,
 * -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]] G = [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0,
 * 0, 24]] A^T = [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]] filter,
 * of every four channels: s * bias of each; 2^n * G g by column j = 1, 2, 3, 4, 0, 5, in each by row of the
 * window: of every four numbers along the depth 0 and 2 of each channel, then 1 and 3 of each, as int16;
 * factor and offset of each; with shift > 0 negative of each.
 *
 * F(2x2, 3x3): a tile is 4x4 numbers d, and gives 2x2 results A^T ((G g G^T) * (B^T d B)) A, where
 *     B^T = [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, -1, 0, 1]]
 *     G = [[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]],  A^T = [[1, 1, 1, 0], [0, 1, -1, 1]]
 * filter, of every two channels 0 and 1: s * bias 0, s * bias 1; 2^n * G g G^T, by column j = 1, 2, 0, 3, in
 * each by row i = 1, 2, 0, 3: of every four numbers 0 and 2 of channel 0, 0 and 2 of channel 1, 1 and 3 of
 * channel 0, 1 and 3 of channel 1; factor 0, offset 0, factor 1, offset 1; with shift > 0 negative 0,
 * negative 1. */
typedef struct {
    const int32_t *filter;
    const int8_t *zero_row;           /* as in conv2d.h */
    uint16_t in_width, in_channels;   /* channels: 4..64, a multiple of 4; of 8 for F(4, 3) */
    uint16_t out_width, out_channels; /* width: 4 or more; an even number of channels, or fours */
    uint16_t pad_left;                /* pixels */
    uint8_t shift;
    int8_t low, high; /* clamp of y, inclusive */
} sapmcu_winograd_conv2d_s8_params;

/* params: sapmcu_winograd_conv2d_s8_params. rows: [3], each in_width * in_channels bytes. y: a row of
 * out_width * out_channels bytes. scratch: 4-byte aligned, 36 * in_channels bytes. */
sapmcu_row_fn sapmcu_winograd_conv2d_row_s8;

/* rows: [4]. y: two rows, one behind the other. scratch: 64 * in_channels bytes. */
sapmcu_row_fn sapmcu_winograd_conv2d_rows_s8;

#ifdef __cplusplus
}
#endif

#endif
