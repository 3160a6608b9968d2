/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_SUMS_H
#define SAPMCU_SUMS_H

/* Sums and differences of operands that are brought to a common unit first. */

#include "dsp.h"
#include "sapmcu/binary.h"

/* How an operand is scaled: ((x << left) - origin) * multiplier / 2^32, then to the right by right + 1 bits.
 */
typedef struct {
    int32_t multiplier, origin;
    uint32_t left, right;
} sapmcu_raise;

/* x is raised by 20 bits, and by one more since SMMULR divides by 2^32. A shift of 0 comes with a factor of
 * exactly 1/2 (of the operand with the larger scale) or 0: one bit more to the left and to the right changes
 * nothing. */
static inline sapmcu_raise sapmcu_make_raise(int32_t multiplier, int32_t shift, int32_t zero_point) {
    const uint32_t left = shift == 0 ? 22 : 21;
    return (sapmcu_raise){multiplier, (int32_t)((uint32_t)zero_point << left), left,
                          shift == 0 ? 0 : (uint32_t)~shift};
}

/* x * multiplier / 2^32 to nearest, ties up. */
static inline int32_t sapmcu_rounding_high_mul_dsp(int32_t x, int32_t multiplier) {
    int32_t high;
    __asm__("smmulr %0, %1, %2" : "=r"(high) : "r"(x), "r"(multiplier));
    return high;
}

static inline int32_t sapmcu_raised(sapmcu_raise raise, int32_t x) {
    const int32_t from_zero = (int32_t)((uint32_t)x << raise.left) - raise.origin;
    const int32_t high = sapmcu_rounding_high_mul_dsp(from_zero, raise.multiplier);
    return (((high + (high >> 31)) >> raise.right) + 1) >> 1;
}

/* z = clamp(x' + sign * y') for z_shift < 0; sign is a constant 1 or -1. Operands are below 2^28. */
static inline void sapmcu_sums_dsp(const sapmcu_sum_s8_params *p, const sapmcu_binary_run *run,
                                   const int8_t *x, const int8_t *y, int8_t *z, int32_t sign) {
    const sapmcu_raise raise_x = sapmcu_make_raise(p->x_multiplier, p->x_shift, p->x_zero_point);
    const sapmcu_raise raise_y = sapmcu_make_raise(p->y_multiplier, p->y_shift, p->y_zero_point);
    const int32_t rounding = 2 * p->z_zero_point + 1, z_multiplier = p->z_multiplier, z_right = ~p->z_shift;
    const uint32_t x_step = run->x_step, y_step = run->y_step;
    int8_t *const start = z, *const end = z + run->count;
    while (z < end) {
        const int32_t sum = sapmcu_raised(raise_x, *x) + sign * sapmcu_raised(raise_y, *y);
        const int32_t scaled = sapmcu_rounding_high_mul_dsp(2 * sum, z_multiplier);
        const int32_t halves = (scaled + (scaled >> 31)) >> z_right;
        *z++ = (int8_t)sapmcu_saturate_half_s8(__qadd(halves, rounding));
        x += x_step;
        y += y_step;
    }
    if (p->low > INT8_MIN || p->high < INT8_MAX) { /* seldom; above registers are short */
        for (z = start; z < end; z++) {
            *z = sapmcu_clamp(*z, p->low, p->high);
        }
    }
}

/* The same for z_shift 0, which leaves nothing to round: in portable C. */
static __attribute__((noinline)) void sapmcu_sums_unshifted(const sapmcu_sum_s8_params *p,
                                                            const sapmcu_binary_run *run, const int8_t *x,
                                                            const int8_t *y, int8_t *z, int32_t sign) {
    for (uint32_t i = 0; i < run->count; i++) {
        const int32_t left = sapmcu_scale((*x - p->x_zero_point) * (1 << 20), p->x_multiplier, p->x_shift);
        const int32_t right = sapmcu_scale((*y - p->y_zero_point) * (1 << 20), p->y_multiplier, p->y_shift);
        *z++ = sapmcu_requantize_s8(left + sign * right, p->z_multiplier, p->z_shift, p->z_zero_point, p->low,
                                    p->high);
        x += run->x_step;
        y += run->y_step;
    }
}

#endif
