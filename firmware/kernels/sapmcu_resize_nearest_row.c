/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/resize.h"

#include "copy_run.h"

void sapmcu_resize_nearest_row(const sapmcu_resize_nearest_params *params, const void *x_row, void *y_row) {
    uint32_t pixel_bytes = params->pixel_bytes;
    uint8_t *to = y_row;
    for (uint32_t column = 0; column < params->out_width; column++) {
        const uint8_t *from = (const uint8_t *)x_row + params->columns[column] * pixel_bytes;
        sapmcu_copy_run(to, from, pixel_bytes);
        to += pixel_bytes;
    }
}
