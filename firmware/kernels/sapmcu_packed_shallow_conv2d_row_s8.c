/* SPDX-License-Identifier: Apache-2.0 */
#include "packed_shallow.h"

void sapmcu_packed_shallow_conv2d_row_s8(const void *params, const int8_t *const *rows, int8_t *y,
                                         void *scratch) {
    const sapmcu_packed_shallow_conv2d_s8_params *const p = params;
    const int8_t *x = rows[0];
    (void)scratch;
    for (uint32_t ox = 0; ox < p->out_width; ox++, x += (uint32_t)p->stride_width * p->in_channels) {
        int8_t lanes[SAPMCU_SHALLOW_NUMBERS] = {0};
        for (uint32_t c = 0; c < p->in_channels; c++) {
            lanes[(c & 4) + (c & 1) * 2 + (c & 2) / 2] = x[c];
        }
        y = sapmcu_shallow_pixel(p, lanes, y);
    }
}
