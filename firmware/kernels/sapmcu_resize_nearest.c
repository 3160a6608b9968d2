/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/resize.h"

void sapmcu_resize_nearest(const sapmcu_resize_nearest_params *params, const void *x, void *y) {
    uint32_t in_row_bytes = (uint32_t)params->in_width * params->pixel_bytes;
    uint32_t out_row_bytes = (uint32_t)params->out_width * params->pixel_bytes;
    const uint8_t *image = x;
    uint8_t *to = y;
    for (uint32_t batch = 0; batch < params->batches; batch++) {
        for (uint32_t row = 0; row < params->out_height; row++) {
            sapmcu_resize_nearest_row(params, image + params->rows[row] * in_row_bytes, to);
            to += out_row_bytes;
        }
        image += params->in_height * in_row_bytes;
    }
}
