/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_WIDE_FULLY_CONNECTED_H
#define SAPMCU_WIDE_FULLY_CONNECTED_H

/* A fully connected op of one vector, with filters of 16 bits. */

#include "sapmcu/wide_conv2d.h"

#ifdef __cplusplus
extern "C" {
#endif

/* As in packed_fully_connected.h. */
void sapmcu_wide_fully_connected_s8(const sapmcu_packed_conv2d_s8_params *params, const int8_t *x, int8_t *y,
                                    void *scratch);

/* params: sapmcu_packed_conv2d_s8_params. rows: [1], the vector. */
sapmcu_row_fn sapmcu_wide_fully_connected_row_s8;

#ifdef __cplusplus
}
#endif

#endif
