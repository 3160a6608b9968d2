/* SPDX-License-Identifier: Apache-2.0 */
/* Four filters at a time, times all vectors. */
#include "sapmcu/fully_connected.h"

#include "mve.h"

void sapmcu_fully_connected_s8(const sapmcu_fully_connected_s8_params *params, const int8_t *x, int8_t *y) {
    const sapmcu_fully_connected_s8_params *const p = params;
    for (uint32_t o = 0; o < p->out_channels; o += 4) {
        const uint32_t left = p->out_channels - o, lanes = left < 4 ? left : 4;
        const mve_pred16_t used = vctp32q(lanes);
        const sapmcu_filters_x4 filters = sapmcu_filters_from(p->filter + o * p->depth, p->depth, lanes);
        int32x4_t multiplier = vdupq_n_s32(p->multiplier[0]), shift = vdupq_n_s32(p->shift[0]);
        if (p->is_per_channel) {
            multiplier = vldrwq_z_s32(p->multiplier + o, used);
            shift = vldrbq_z_s32(p->shift + o, used);
        }
        const sapmcu_scale_x4 scale =
            sapmcu_scale_from(multiplier, shift, used, p->y_zero_point, p->low, p->high);
        int32_t bias[4];
        vstrwq_s32(bias, vldrwq_z_s32(p->bias + o, used));
        const int8_t *from = x;
        int8_t *to = y + o;
        for (uint32_t v = 0; v < p->vectors; v++, from += p->depth, to += p->out_channels) {
            int32_t sums[4] = {bias[0], bias[1], bias[2], bias[3]};
            sapmcu_add_products_x4(sums, from, &filters, 0, p->depth);
            sapmcu_write_x4(to, scale, sums);
        }
    }
}
