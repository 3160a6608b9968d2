/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/resize.h"

void sapmcu_resize_bilinear_s8(const sapmcu_resize_bilinear_s8_params *params, const int8_t *x, int8_t *y) {
    uint32_t in_row_bytes = (uint32_t)params->in_width * params->channels;
    uint32_t out_row_bytes = (uint32_t)params->out_width * params->channels;
    for (uint32_t batch = 0; batch < params->batches; batch++) {
        for (uint32_t row = 0; row < params->out_height; row++) {
            uint32_t has_second;
            const int8_t *first =
                x + sapmcu_resize_bilinear_first_row(params, row, &has_second) * in_row_bytes;
            const int8_t *const rows[2] = {first, first + has_second * in_row_bytes};
            sapmcu_resize_bilinear_row_s8(params, row, rows, y);
            y += out_row_bytes;
        }
        x += params->in_height * in_row_bytes;
    }
}
