/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of the portable kernel; a rounded high product is one instruction where a factor is 2^30 or more,
 * or the other less than that. */
#include "sapmcu/softmax.h"

#include "dsp.h"

enum { SUM_BITS = 12, SHARE_BITS = 8 };

static inline uint32_t exponential(const sapmcu_softmax_s8_params *p, int32_t difference) {
    return (uint32_t)difference < p->entries ? (uint32_t)p->exponentials[difference] : 0;
}

/* 2ab / 2^32 to nearest, ties up, for |b| < 2^30. */
static inline int32_t high_mul_by_small(int32_t a, int32_t b) {
    int32_t high;
    __asm__("smmulr %0, %1, %2" : "=r"(high) : "r"(a), "r"(2 * b));
    return high;
}

/* sapmcu_one_over_one_plus_x of gemmlowp.h. The error of a quotient is 1/17 of it at most, below 2^25: only
 * the last doubling may saturate. */
static inline int32_t one_over_one_plus_x(int32_t x) {
    const int32_t half_denominator = (int32_t)(((uint32_t)x >> 1) + (1U << 30));
    int32_t quotient = 1515870810 + sapmcu_rounding_doubling_high_mul_dsp(-1010580540, half_denominator);
    for (int step = 0; step < 3; step++) {
        const int32_t error = (1 << 29) - sapmcu_rounding_doubling_high_mul_dsp(quotient, half_denominator);
        quotient += high_mul_by_small(quotient, error) * 4;
    }
    return __qadd(quotient, quotient);
}

/* ab / 2^31 to nearest, ties up, of numbers from 0 on; double_b is 2b. */
static inline uint32_t rounded_share(uint32_t a, uint32_t double_b) {
    const uint64_t product = (uint64_t)a * double_b;
    return (uint32_t)(product >> 32) + ((uint32_t)product >> 31);
}

static void softmax_row(const sapmcu_softmax_s8_params *p, const int8_t *x, int8_t *y) {
    const int8_t *const end = x + p->length;
    int32_t max = *x, sum = 0;
    for (const int8_t *from = x + 1; from < end; from++) {
        max = *from > max ? *from : max;
    }
    for (const int8_t *from = x; from < end; from++) {
        const uint32_t rounded = exponential(p, max - *from) + (1U << (SUM_BITS - 1));
        sum = __qadd(sum, (int32_t)(rounded >> SUM_BITS));
    }
    const int32_t headroom = __builtin_clz((uint32_t)sum);
    const int32_t inverse = one_over_one_plus_x((int32_t)(((uint32_t)sum << headroom) & INT32_MAX));
    /* From 32 bits on less than half a step is left of any share. */
    const int32_t shift = SUM_BITS - headroom + 31 - SHARE_BITS;
    const uint32_t right = shift < 32 ? (uint32_t)shift : 31, half = shift < 32 ? 1U << (right - 1) : 0;
    while (x < end) {
        const uint32_t share = rounded_share(exponential(p, max - *x++), 2 * (uint32_t)inverse);
        const uint32_t quotient = (share + half) >> right;
        *y++ = (int8_t)((int32_t)(quotient > 255 ? 255 : quotient) - 128);
    }
}

void sapmcu_softmax_s8(const sapmcu_softmax_s8_params *params, const int8_t *x, int8_t *y) {
    for (uint32_t row = 0; row < params->rows; row++) {
        softmax_row(params, x, y);
        x += params->length;
        y += params->length;
    }
}
