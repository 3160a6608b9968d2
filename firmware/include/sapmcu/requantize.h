/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_REQUANTIZE_H
#define SAPMCU_REQUANTIZE_H

/* Integers of one scale as integers of another, in portable C, with TFLM's two roundings.
 * Signed overflow is no error here: sums wrap in 32 bits, as in TFLM's build. */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* a + b modulo 2^32. */
static inline int32_t sapmcu_wrapping_add(int32_t a, int32_t b) {
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

/* a * b / 2^31 to nearest, ties up. b >= 0 (TFLM saturates where both are -2^31). */
static inline int32_t sapmcu_rounding_doubling_high_mul(int32_t a, int32_t b) {
    return (int32_t)(((int64_t)a * b + (1 << 30)) >> 31);
}

/* x / 2^exponent to nearest, ties away from zero. exponent: 0..31. */
static inline int32_t sapmcu_rounding_divide_by_pot(int32_t x, int32_t exponent) {
    const int32_t mask = (int32_t)((1U << exponent) - 1U);
    return (x >> exponent) + ((x & mask) > (mask >> 1) + (x < 0));
}

/* x * multiplier * 2^(shift - 31). multiplier: Q31, 0..2^31-1. shift: -31..30, left is positive and wraps. */
static inline int32_t sapmcu_scale(int32_t x, int32_t multiplier, int32_t shift) {
    const int32_t shifted = (int32_t)((uint32_t)x << (shift > 0 ? shift : 0));
    return sapmcu_rounding_divide_by_pot(sapmcu_rounding_doubling_high_mul(shifted, multiplier),
                                         shift < 0 ? -shift : 0);
}

/* The nearest of low..high. */
static inline int8_t sapmcu_clamp(int32_t x, int32_t low, int32_t high) {
    return (int8_t)(x < low ? low : x > high ? high : x);
}

/* The int8 result of a kernel: x scaled, from the zero point on, clamped. The addition wraps. */
static inline int8_t sapmcu_requantize_s8(int32_t x, int32_t multiplier, int32_t shift, int32_t zero_point,
                                          int32_t low, int32_t high) {
    return sapmcu_clamp(sapmcu_wrapping_add(sapmcu_scale(x, multiplier, shift), zero_point), low, high);
}

#ifdef __cplusplus
}
#endif

#endif
