/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_FULLY_CONNECTED_H
#define SAPMCU_FULLY_CONNECTED_H

/* Products of int8 vectors with a constant matrix. */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* y[v][o] = clamp(y_zero_point + (bias[o] + sum over k of x[v][k] * filter[o][k]) * factor of o).
 * Sums wrap in 32 bits; both roundings are TFLM's. bias[o] holds -x_zero_point * sum(filter[o]), modulo 2^32.
 * x [vectors][depth], y [vectors][out_channels]. */
typedef struct {
    const int8_t *filter;      /* [out_channels][depth], as TFLite */
    const int32_t *bias;       /* [out_channels] */
    const int32_t *multiplier; /* [out_channels], or [1] for all; Q31: 2^30..2^31-1, or 0 with shift 0 */
    const int8_t *shift;       /* as many; -31..30, left is positive */
    uint32_t vectors, depth, out_channels;
    uint8_t is_per_channel; /* 1: a multiplier and shift for each output channel; 0: one */
    int8_t y_zero_point;
    int8_t low, high; /* clamp of y, inclusive */
} sapmcu_fully_connected_s8_params;

/* y doesn't overlap x. No alignment is asked for. */
void sapmcu_fully_connected_s8(const sapmcu_fully_connected_s8_params *params, const int8_t *x, int8_t *y);

#ifdef __cplusplus
}
#endif

#endif
