/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/resize.h"

#include "resize_position.h"

static int32_t mix(int32_t first, int32_t second, int32_t weight) {
    return first * 1024 + (second - first) * weight;
}

void sapmcu_resize_bilinear_row_s8(const sapmcu_resize_bilinear_s8_params *params, uint32_t row,
                                   const int8_t *const *rows, int8_t *y_row) {
    const int32_t half = 1 << 19; /* of 2^20 */
    uint32_t channels = params->channels;
    int32_t row_weight = sapmcu_locate(row, params->row_step, params->row_origin, params->in_height).weight;
    for (uint32_t column = 0; column < params->out_width; column++) {
        sapmcu_resize_position place =
            sapmcu_locate(column, params->column_step, params->column_origin, params->in_width);
        uint32_t first = place.first * channels, second = first + (place.weight != 0 ? channels : 0);
        for (uint32_t channel = 0; channel < channels; channel++) {
            int32_t above = mix(rows[0][first + channel], rows[0][second + channel], place.weight);
            int32_t below = mix(rows[1][first + channel], rows[1][second + channel], place.weight);
            int32_t sum = mix(above, below, row_weight); /* at most 2^27 */
            *y_row++ =
                (int8_t)((sum + (sum < 0 ? -half : half)) / (1 << 20)); /* C's division: towards zero */
        }
    }
}
