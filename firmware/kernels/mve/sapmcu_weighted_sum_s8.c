/* SPDX-License-Identifier: Apache-2.0 */
#include "mve.h"
#include "sapmcu/binary.h"

/* Four int8 numbers, or one four times. */
static inline int32x4_t load(const int8_t *from, uint32_t step, mve_pred16_t used) {
    return step ? vldrbq_z_s32(from, used) : vdupq_n_s32(*from);
}

void sapmcu_weighted_sum_s8(const void *params, const sapmcu_binary_run *run, const int8_t *x,
                            const int8_t *y, int8_t *z) {
    const sapmcu_weighted_sum_s8_params *const p = params;
    const int32x4_t low = vdupq_n_s32(INT8_MIN), high = vdupq_n_s32(INT8_MAX);
    for (int32_t left = (int32_t)run->count; left > 0; left -= 4) {
        const mve_pred16_t used = vctp32q((uint32_t)left);
        int32x4_t sum = vmlaq_n_s32(vdupq_n_s32(p->offset), load(x, run->x_step, used), p->x_factor);
        sum = vmlaq_n_s32(sum, load(y, run->y_step, used), p->y_factor);
        sum = vshrq_n_s32(sum, SAPMCU_WEIGHTED_SUM_BITS);
        vstrbq_p_s32(z, vminq_s32(vmaxq_s32(sum, low), high), used);
        x += run->x_step ? 4 : 0;
        y += run->y_step ? 4 : 0;
        z += 4;
    }
}
