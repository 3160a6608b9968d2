/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_WIDE_CONV2D_H
#define SAPMCU_WIDE_CONV2D_H

/* The convolution of packed_conv2d.h with filters of 16 bits: twice the flash, a sixth fewer instructions. */

#include "sapmcu/packed_conv2d.h"

#ifdef __cplusplus
extern "C" {
#endif

/* As in packed_conv2d.h, but for filter; for every two channels 0 and 1: the filters, row by row, each row
 * with zeros at its end to a multiple of four; of every four numbers 0 and 2 of channel 0, 0 and 2 of channel
 * 1, 1 and 3 of channel 0, 1 and 3 of channel 1, as int16 numbers 256 * w; behind the first four 256 * bias
 * 0, 256 * bias 1; then factors and offsets as there. */
sapmcu_row_fn sapmcu_wide_conv2d_row_s8;

/* The same of what sapmcu_packed_conv2d_three_row_s8 takes, with scratch as there. */
sapmcu_row_fn sapmcu_wide_conv2d_three_row_s8;

/* The same without scratch. */
sapmcu_row_fn sapmcu_wide_conv2d_small_row_s8;

#ifdef __cplusplus
}
#endif

#endif
