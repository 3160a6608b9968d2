/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_SUMS_V6M_H
#define SAPMCU_SUMS_V6M_H

/* Sums and differences: an operand at a time, since each needs all registers. */

#include "sapmcu/binary.h"
#include "sapmcu/fours.h"
#include "sapmcu/requantize.h"

enum { SAPMCU_SUMS_AT_ONCE = 64 };

/* Of an operand: multiplier = 2^16 high + low. */
typedef struct {
    int32_t zero_point, high, low;
    int32_t rounding; /* 0 with right 0 */
    uint32_t right;
    int32_t sign; /* -1: ties away from zero; 0 with right 0 */
} sapmcu_raised;

static inline sapmcu_raised sapmcu_raise(int32_t zero_point, int32_t multiplier, int32_t shift) {
    return (sapmcu_raised){zero_point,         multiplier >> 16, multiplier & 0xffff,
                           (1 << -shift) >> 1, (uint32_t)-shift, shift < 0 ? -1 : 0};
}

/* (x - zero_point) * 2^20, scaled. (d * 2^20 * multiplier + 2^30) / 2^31 = 32 d high + (d low + 2^10) / 2^11.
 */
static inline int32_t sapmcu_raised_of(const sapmcu_raised *of, int32_t x) {
    const int32_t d = x - of->zero_point;
    const int32_t scaled = 32 * (d * of->high) + ((d * of->low + (1 << 10)) >> 11);
    return (scaled + ((scaled >> 31) & of->sign) + of->rounding) >> of->right;
}

static inline void sapmcu_sums_v6m(const sapmcu_sum_s8_params *p, const sapmcu_binary_run *run,
                                   const int8_t *x, const int8_t *y, int8_t *z, int32_t factor) {
    const sapmcu_raised left = sapmcu_raise(p->x_zero_point, p->x_multiplier, p->x_shift);
    const sapmcu_raised right = sapmcu_raise(p->y_zero_point, p->y_multiplier, p->y_shift);
    const sapmcu_fours_scale scale = {&p->z_multiplier, &p->z_shift, p->z_zero_point, p->low, p->high};
    for (uint32_t done = 0; done < run->count;) {
        const uint32_t more = run->count - done;
        const uint32_t count = more < SAPMCU_SUMS_AT_ONCE ? more : SAPMCU_SUMS_AT_ONCE;
        int32_t sums[SAPMCU_SUMS_AT_ONCE];
        for (uint32_t i = 0; i < count; i++, x += run->x_step) {
            sums[i] = sapmcu_raised_of(&left, *x);
        }
        for (uint32_t i = 0; i < count; i++, y += run->y_step) {
            const int32_t raised = sapmcu_raised_of(&right, *y);
            sums[i] += factor < 0 ? -raised : raised;
        }
        sapmcu_requantize_sums(&scale, sums, 1, count);
        for (uint32_t i = 0; i < count; i++) {
            *z++ = (int8_t)sums[i];
        }
        done += count;
    }
}

#endif
