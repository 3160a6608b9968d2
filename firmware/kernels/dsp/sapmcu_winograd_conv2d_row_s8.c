/* SPDX-License-Identifier: Apache-2.0 */
/* A tile, four columns of y, at a time; the last one may overlap that before. */
#include "sapmcu/winograd_conv2d.h"

#include "dsp.h"
#include "winograd_row.h"

enum { ROWS = 3, COLUMNS = 6, RESULTS = 4 };

/* Of a tile whose first column is `first`; zeros beside the image. */
static void find_columns(const sapmcu_winograd_conv2d_s8_params *p, const int8_t *row, int32_t first,
                         const int8_t *columns[COLUMNS]) {
    const uint32_t channels = p->in_channels;
    if (first >= 0 && first + COLUMNS <= p->in_width) {
        columns[0] = row + (uint32_t)first * channels;
        for (uint32_t i = 1; i < COLUMNS; i++) {
            columns[i] = columns[i - 1] + channels;
        }
        return;
    }
    for (int32_t i = 0; i < COLUMNS; i++) {
        const int32_t column = first + i;
        columns[i] = column >= 0 && column < p->in_width ? row + (uint32_t)column * channels : p->zero_row;
    }
}

void sapmcu_winograd_conv2d_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_winograd_conv2d_s8_params *const p = params;
    const uint32_t channels = p->in_channels, steps = ROWS * channels / 8;
    sapmcu_row_products products;
    products.x = scratch;
    products.plane_bytes = 16 * steps;
    products.skipped_bytes = (SAPMCU_ROW_ROUND - 1 - (steps - 1) % SAPMCU_ROW_ROUND) * SAPMCU_ROW_STEP_BYTES;
    products.pixel_bytes = p->out_channels;
    products.shift = p->shift;
    products.filter = p->filter;
    for (uint32_t first = 0; first < p->out_width; first += RESULTS) {
        const uint32_t at = first + RESULTS <= p->out_width ? first : p->out_width - (uint32_t)RESULTS;
        const int8_t *columns[ROWS][COLUMNS];
        for (uint32_t row = 0; row < ROWS; row++) {
            find_columns(p, rows[row], (int32_t)at - p->pad_left, columns[row]);
        }
        sapmcu_transform_row_tile(columns[0], scratch, products.plane_bytes, channels);
        products.y = y + at * p->out_channels;
        products.y_end = products.y + p->out_channels;
        sapmcu_multiply_row_tile(&products);
    }
    if (p->low > INT8_MIN || p->high < INT8_MAX) {
        sapmcu_clamp_row(y, y + (uint32_t)p->out_width * p->out_channels, p->low, p->high);
    }
}
