/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_GEMMLOWP_H
#define SAPMCU_GEMMLOWP_H

/* Functions in fixed point, bit for bit gemmlowp's: a number with b integer bits has 31 - b of fraction.
 * For kernels only; sapmcu/reference/gemmlowp.py is the definition.
 * Source: gemmlowp, fixedpoint/fixedpoint.h; tensorflow/lite/kernels/internal/common.h. */

#include "sapmcu/requantize.h"

/* The product of two fixed-point numbers, of which one at most is -1; their integer bits add up. */
static inline int32_t sapmcu_high_mul(int32_t a, int32_t b) {
    return sapmcu_rounding_doubling_high_mul(a, b);
}

/* A multiplier in Q31 and a shift: x * multiplier * 2^(shift - 31); left is positive. */
typedef struct {
    int32_t multiplier;
    int32_t shift;
} sapmcu_factor;

/* x * 2^left, saturated; left is 0..31. */
static inline int32_t sapmcu_shift_left_saturating(int32_t x, uint32_t left) {
    int64_t shifted = (int64_t)x * ((int64_t)1 << left);
    return shifted > INT32_MAX ? INT32_MAX : shifted < INT32_MIN ? INT32_MIN : (int32_t)shifted;
}

/* (a + b) / 2 of numbers from 0 on, ties up. */
static inline int32_t sapmcu_half_sum(int32_t a, int32_t b) {
    return (int32_t)(((uint32_t)a + (uint32_t)b + 1) >> 1);
}

/* Zeros in front of the first 1 of x; x isn't 0. Portable: Cortex-M0+ has no instruction for it. */
static inline uint32_t sapmcu_leading_zeros(uint32_t x) {
    uint32_t zeros = 0;
    while (x < 1u << 31) {
        x <<= 1;
        zeros++;
    }
    return zeros;
}

/* 1 / (1 + x) for 0 <= x < 1, without integer bits: three steps of Newton and Raphson from 48/17 - 32/17 x.
 */
static inline int32_t sapmcu_one_over_one_plus_x(int32_t x) {
    int32_t half_denominator = sapmcu_half_sum(x, INT32_MAX);
    int32_t quotient = 1515870810 + sapmcu_high_mul(half_denominator, -1010580540);
    for (int step = 0; step < 3; step++) {
        int32_t error = (1 << 29) - sapmcu_high_mul(half_denominator, quotient);
        quotient += sapmcu_shift_left_saturating(sapmcu_high_mul(quotient, error), 2);
    }
    return sapmcu_shift_left_saturating(quotient, 1);
}

/* ln x of x >= 1 with 12 integer bits, x < 2^31; the result has 5. x = 2^power * r with r within 2^(+-1/4) of
 * 2^(-1/4): of two candidates for r the lesser. */
static inline int32_t sapmcu_log_of_at_least_1(int32_t x) {
    const int32_t half_sqrt_2 = 1518500250, sqrt_sqrt_half = 1805811301, log_2 = 1488522236;
    const int32_t alpha_n = 117049297, alpha_d = 127690142, alpha_i = 1057819769, alpha_f = 638450708;
    const int32_t quarter = 1 << 23; /* with 6 integer bits */
    uint32_t headroom_a = sapmcu_leading_zeros((uint32_t)x);
    uint32_t headroom_b = sapmcu_leading_zeros((uint32_t)sapmcu_high_mul(x, half_sqrt_2)) - 1;
    int32_t normal = sapmcu_shift_left_saturating(x, headroom_a - 1);
    int32_t r_a = sapmcu_shift_left_saturating(sapmcu_high_mul(normal, half_sqrt_2), 1);
    int32_t r_b = sapmcu_shift_left_saturating(x, headroom_b);
    int32_t power_a = (12 - (int32_t)headroom_a) * (1 << 25) + quarter;
    int32_t power_b = (12 - (int32_t)headroom_b) * (1 << 25) - quarter;
    int32_t r = r_a < r_b ? r_a : r_b;
    int32_t power = power_a > power_b ? power_a : power_b;
    int32_t q = 2 * (r - sqrt_sqrt_half);
    int32_t p = sapmcu_half_sum(r, sqrt_sqrt_half);
    int32_t q2 = sapmcu_high_mul(q, q);
    int32_t numerator = sapmcu_high_mul(q, r) + sapmcu_high_mul(sapmcu_high_mul(q, q2), alpha_n);
    int32_t denominator_minus_1 =
        sapmcu_high_mul(p, alpha_i + q + sapmcu_high_mul(q2, alpha_d)) + sapmcu_high_mul(q, alpha_f);
    int32_t fraction = sapmcu_high_mul(sapmcu_rounding_divide_by_pot(numerator, 6),
                                       sapmcu_one_over_one_plus_x(denominator_minus_1));
    return sapmcu_shift_left_saturating(sapmcu_high_mul(power, log_2) + fraction, 1);
}

/* 1 / sqrt(x) for 0 <= x < 2^31; 0 counts as 1. Five steps of Newton and Raphson from 1. */
static inline sapmcu_factor sapmcu_inverse_sqrt(int32_t x) {
    if (x <= 1) {
        return (sapmcu_factor){INT32_MAX, 0};
    }
    uint32_t fours = x >= 1 << 29 ? 1 : 0; /* one division by 4 brings x below 2^29 */
    uint32_t mantissa = (uint32_t)x >> (2 * fours);
    uint32_t pairs = (sapmcu_leading_zeros(mantissa) - 1) / 2 - 1;
    int32_t half = sapmcu_half_sum((int32_t)((mantissa << (2 * pairs)) >> 1), 0);
    int32_t root = 1 << 28;
    for (int step = 0; step < 5; step++) {
        int32_t cube = sapmcu_high_mul(sapmcu_high_mul(root, root), root);
        cube = sapmcu_shift_left_saturating(cube, 6);
        root = sapmcu_high_mul(root, (1 << 28) + (1 << 27)) - sapmcu_high_mul(half, cube);
        root = sapmcu_shift_left_saturating(root, 3);
    }
    int32_t multiplier = sapmcu_high_mul(root, 1518500250); /* sqrt(2) / 2 */
    int32_t right = 11 + (int32_t)fours - (int32_t)pairs;
    if (right < 0) {
        return (sapmcu_factor){(int32_t)((uint32_t)multiplier << -right), 0};
    }
    return (sapmcu_factor){multiplier, -right};
}

#endif
