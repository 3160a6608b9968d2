/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_MVE_H
#define SAPMCU_MVE_H

/* What the twins for cores with MVE (Cortex-M55) share. Loops that end with LETP leave out lanes behind the
 * last number by themselves: no tails, no access beyond an end. */

#include "sapmcu/requantize.h"

#include <arm_mve.h>

/* sapmcu_scale of four sums. VQRDMULH rounds ties up, VRSHL too: a negative one less makes that away from
 * zero. */
static inline int32x4_t sapmcu_scale_s32x4(int32x4_t x, int32x4_t multiplier, int32x4_t shift) {
    const int32x4_t zero = vdupq_n_s32(0), right = vminq_s32(shift, zero);
    const int32x4_t high = vqrdmulhq_s32(vshlq_s32(x, vmaxq_s32(shift, zero)), multiplier);
    const int32x4_t sign = vshrq_n_s32(vandq_s32(high, right), 31);
    return vrshlq_s32(vqaddq_s32(high, sign), right);
}

/* From the zero point on, clamped. The addition wraps. */
static inline int32x4_t sapmcu_clamped_s32x4(int32x4_t x, int32_t zero_point, int32_t low, int32_t high) {
    const int32x4_t y = vaddq_n_s32(x, zero_point);
    return vminq_s32(vmaxq_s32(y, vdupq_n_s32(low)), vdupq_n_s32(high));
}

/* Four filters that follow each other, or fewer: the last is then taken more than once. */
typedef struct {
    const int8_t *at[4];
} sapmcu_filters_x4;

static inline sapmcu_filters_x4 sapmcu_filters_from(const int8_t *first, uint32_t bytes, uint32_t count) {
    sapmcu_filters_x4 filters;
    filters.at[0] = first;
    filters.at[1] = first + (count > 1 ? bytes : 0);
    filters.at[2] = filters.at[1] + (count > 2 ? bytes : 0);
    filters.at[3] = filters.at[2] + (count > 3 ? bytes : 0);
    return filters;
}

/* Add the products of x with four filters to sums: 10 instructions for 64 products. */
static inline void sapmcu_add_products_x4(int32_t sums[4], const int8_t *x, const sapmcu_filters_x4 *filters,
                                          uint32_t offset, uint32_t count) {
    const int8_t *f0 = filters->at[0] + offset, *f1 = filters->at[1] + offset;
    const int8_t *f2 = filters->at[2] + offset, *f3 = filters->at[3] + offset;
    __asm__("wlstp.8     lr, %[count], 2f    \n"
            "1:                              \n"
            "vldrb.8     q0, [%[x]], #16     \n"
            "vldrb.8     q1, [%[f0]], #16    \n"
            "vmladava.s8 %[a], q0, q1        \n"
            "vldrb.8     q1, [%[f1]], #16    \n"
            "vmladava.s8 %[b], q0, q1        \n"
            "vldrb.8     q1, [%[f2]], #16    \n"
            "vmladava.s8 %[c], q0, q1        \n"
            "vldrb.8     q1, [%[f3]], #16    \n"
            "vmladava.s8 %[d], q0, q1        \n"
            "letp        lr, 1b              \n"
            "2:                              \n"
            : [a] "+Te"(sums[0]), [b] "+Te"(sums[1]), [c] "+Te"(sums[2]), [d] "+Te"(sums[3]), [x] "+r"(x),
              [f0] "+r"(f0), [f1] "+r"(f1), [f2] "+r"(f2), [f3] "+r"(f3)
            : [count] "r"(count)
            : "q0", "q1", "lr", "cc", "memory");
}

/* How sums of four channels become results. */
typedef struct {
    int32x4_t multiplier, left, right, low, high;
    int32_t zero_point;
    mve_pred16_t used; /* lanes */
} sapmcu_scale_x4;

static inline sapmcu_scale_x4 sapmcu_scale_from(int32x4_t multiplier, int32x4_t shift, mve_pred16_t used,
                                                int32_t zero_point, int32_t low, int32_t high) {
    const int32x4_t zero = vdupq_n_s32(0);
    return (sapmcu_scale_x4){multiplier,
                             vmaxq_s32(shift, zero),
                             vminq_s32(shift, zero),
                             vdupq_n_s32(low),
                             vdupq_n_s32(high),
                             zero_point,
                             used};
}

/* Four sums as int8, to y. VMOV puts a pair into lanes at once, which no intrinsic does. */
static inline void sapmcu_write_x4(int8_t *y, sapmcu_scale_x4 scale, const int32_t sums[4]) {
    int32x4_t x;
    __asm__("vmov %q0[2], %q0[0], %1, %2\n"
            "vmov %q0[3], %q0[1], %3, %4\n"
            : "=&w"(x)
            : "r"(sums[0]), "r"(sums[2]), "r"(sums[1]), "r"(sums[3]));
    const int32x4_t high = vqrdmulhq_s32(vshlq_s32(x, scale.left), scale.multiplier);
    const int32x4_t sign = vshrq_n_s32(vandq_s32(high, scale.right), 31);
    const int32x4_t scaled = vrshlq_s32(vqaddq_s32(high, sign), scale.right);
    const int32x4_t result = vaddq_n_s32(scaled, scale.zero_point);
    vstrbq_p_s32(y, vminq_s32(vmaxq_s32(result, scale.low), scale.high), scale.used);
}

#endif
