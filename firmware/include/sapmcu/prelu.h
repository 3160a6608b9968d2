/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_PRELU_H
#define SAPMCU_PRELU_H

/* Leaky ReLU with a constant slope for each channel, or for any neighbouring axes. */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* x, y [outer, slopes, inner], alpha [slopes]. Both branches have TFLM's double rounding; y is clamped to
 * int8. */
typedef struct {
    const int8_t *alpha;
    uint32_t outer, slopes, inner;
    int32_t x_zero_point, alpha_zero_point, y_zero_point;
    int32_t positive_multiplier, positive_shift; /* x -> y; multiplier Q31, shift -31..30, left is positive */
    int32_t negative_multiplier, negative_shift; /* x * alpha -> y */
} sapmcu_prelu_s8_params;

/* y may be x. */
void sapmcu_prelu_s8(const sapmcu_prelu_s8_params *params, const int8_t *x, int8_t *y);

#ifdef __cplusplus
}
#endif

#endif
