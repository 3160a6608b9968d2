/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/fully_connected.h"
#include "sapmcu/requantize.h"

void sapmcu_fully_connected_s8(const sapmcu_fully_connected_s8_params *params, const int8_t *x, int8_t *y) {
    const sapmcu_fully_connected_s8_params *const p = params;
    for (uint32_t v = 0; v < p->vectors; v++, x += p->depth) {
        const int8_t *filter = p->filter;
        for (uint32_t o = 0; o < p->out_channels; o++, filter += p->depth) {
            const uint32_t factor = p->is_per_channel ? o : 0;
            uint32_t sum = (uint32_t)p->bias[o];
            for (uint32_t k = 0; k < p->depth; k++) {
                sum += (uint32_t)(x[k] * filter[k]);
            }
            *y++ = sapmcu_requantize_s8((int32_t)sum, p->multiplier[factor], p->shift[factor],
                                        p->y_zero_point, p->low, p->high);
        }
    }
}
