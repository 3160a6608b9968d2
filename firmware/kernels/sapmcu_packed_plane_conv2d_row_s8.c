/* SPDX-License-Identifier: Apache-2.0 */
#include "packed_shallow.h"

static int8_t number_at(const sapmcu_packed_shallow_conv2d_s8_params *p, const int8_t *row, int32_t column) {
    return column >= 0 && column < p->in_width ? row[column] : p->x_zero_point;
}

void sapmcu_packed_plane_conv2d_row_s8(const void *params, const int8_t *const *rows, int8_t *y,
                                       void *scratch) {
    static const uint8_t row_of[SAPMCU_SHALLOW_NUMBERS] = {0, 1, 2, 2, 0, 1, 2, 2, 0, 1};
    static const uint8_t column_of[SAPMCU_SHALLOW_NUMBERS] = {0, 0, 0, 2, 1, 1, 1, 1, 2, 2};
    const sapmcu_packed_shallow_conv2d_s8_params *const p = params;
    int32_t column = -(int32_t)p->pad_left;
    (void)scratch;
    for (uint32_t ox = 0; ox < p->out_width; ox++, column += p->stride_width) {
        int8_t lanes[SAPMCU_SHALLOW_NUMBERS];
        for (uint32_t i = 0; i < SAPMCU_SHALLOW_NUMBERS; i++) {
            lanes[i] = number_at(p, rows[row_of[i]], column + column_of[i]);
        }
        y = sapmcu_shallow_pixel(p, lanes, y);
    }
}
