/* SPDX-License-Identifier: Apache-2.0 */
/* A vector times four filters at a time. */
#include "sapmcu/fully_connected.h"

#include "mve.h"

void sapmcu_fully_connected_s8(const sapmcu_fully_connected_s8_params *params, const int8_t *x, int8_t *y) {
    const sapmcu_fully_connected_s8_params *const p = params;
    for (uint32_t v = 0; v < p->vectors; v++, x += p->depth) {
        for (uint32_t o = 0; o < p->out_channels; o += 4, y += 4) {
            const uint32_t left = p->out_channels - o, lanes = left < 4 ? left : 4;
            const mve_pred16_t used = vctp32q(lanes);
            sapmcu_filters_x4 filters = sapmcu_filters_from(p->filter + o * p->depth, p->depth, lanes);
            int32_t sums[4] = {0, 0, 0, 0};
            sapmcu_add_products_x4(sums, x, &filters, p->depth);
            const int32x4_t sum = vaddq_s32(vldrwq_s32(sums), vldrwq_z_s32(p->bias + o, used));
            int32x4_t multiplier = vdupq_n_s32(p->multiplier[0]), shift = vdupq_n_s32(p->shift[0]);
            if (p->is_per_channel) {
                multiplier = vldrwq_z_s32(p->multiplier + o, used);
                shift = vldrbq_z_s32(p->shift + o, used);
            }
            const int32x4_t scaled = sapmcu_scale_s32x4(sum, multiplier, shift);
            vstrbq_p_s32(y, sapmcu_clamped_s32x4(scaled, p->y_zero_point, p->low, p->high), used);
        }
        y -= (4 - p->out_channels % 4) % 4;
    }
}
