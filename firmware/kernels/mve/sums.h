/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_SUMS_MVE_H
#define SAPMCU_SUMS_MVE_H

/* Sums and differences, four at a time. */

#include "mve.h"
#include "sapmcu/binary.h"

enum { SAPMCU_RAISE_BITS = 20 };

/* Four numbers from their zero point on, raised and scaled. */
static inline int32x4_t sapmcu_raised_s32x4(int32x4_t x, int32_t zero_point, int32_t multiplier,
                                            int32_t shift) {
    const int32x4_t raised = vshlq_n_s32(vsubq_n_s32(x, zero_point), SAPMCU_RAISE_BITS);
    const int32x4_t high = vqrdmulhq_n_s32(raised, multiplier), right = vdupq_n_s32(shift);
    return vrshlq_s32(vqaddq_s32(high, vshrq_n_s32(vandq_s32(high, right), 31)), right);
}

/* Four int8 numbers, or one four times. */
static inline int32x4_t sapmcu_load_s32x4(const int8_t *from, uint32_t step, mve_pred16_t used) {
    return step ? vldrbq_z_s32(from, used) : vdupq_n_s32(*from);
}

static inline void sapmcu_sums_mve(const sapmcu_sum_s8_params *p, const sapmcu_binary_run *run,
                                   const int8_t *x, const int8_t *y, int8_t *z, int is_difference) {
    const int32x4_t z_shift = vdupq_n_s32(p->z_shift), z_multiplier = vdupq_n_s32(p->z_multiplier);
    for (int32_t left = (int32_t)run->count; left > 0; left -= 4) {
        const mve_pred16_t used = vctp32q((uint32_t)left);
        const int32x4_t a = sapmcu_raised_s32x4(sapmcu_load_s32x4(x, run->x_step, used), p->x_zero_point,
                                                p->x_multiplier, p->x_shift);
        const int32x4_t b = sapmcu_raised_s32x4(sapmcu_load_s32x4(y, run->y_step, used), p->y_zero_point,
                                                p->y_multiplier, p->y_shift);
        const int32x4_t sum = is_difference ? vsubq_s32(a, b) : vaddq_s32(a, b);
        const int32x4_t high = vqrdmulhq_s32(sum, z_multiplier);
        const int32x4_t sign = vshrq_n_s32(vandq_s32(high, z_shift), 31);
        const int32x4_t scaled = vrshlq_s32(vqaddq_s32(high, sign), z_shift);
        vstrbq_p_s32(z, sapmcu_clamped_s32x4(scaled, p->z_zero_point, p->low, p->high), used);
        x += run->x_step ? 4 : 0;
        y += run->y_step ? 4 : 0;
        z += 4;
    }
}

#endif
