/* SPDX-License-Identifier: Apache-2.0 */
/* Two tiles, four columns of y, at a time; the last two may overlap those before. */
#include "sapmcu/winograd_conv2d.h"

#include "dsp.h"
#include "winograd_tiles.h"

enum { ROWS = 4, COLUMNS = 6 };

void sapmcu_winograd_conv2d_rows_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_winograd_conv2d_s8_params *const p = params;
    const uint32_t channels = p->in_channels, row_bytes = (uint32_t)p->out_width * p->out_channels;
    sapmcu_tile_products products;
    products.x = scratch;
    products.steps = channels / 4;
    products.shift = p->shift;
    products.pixel_bytes = p->out_channels;
    products.row_bytes = row_bytes;
    products.filter = p->filter;
    sapmcu_tiles tiles;
    tiles.channels = channels;
    tiles.to = scratch;
    tiles.outside = p->zero_row == 0 ? 0 : (2U * (uint32_t)p->zero_row[0] & 0xffff) * 0x10001U;
    for (uint32_t first = 0; first < p->out_width; first += 4) {
        const uint32_t at = first + 4 <= p->out_width ? first : p->out_width - 4U;
        const int32_t column = (int32_t)at - p->pad_left, left = p->in_width - column;
        for (uint32_t row = 0; row < ROWS; row++) { /* perhaps before the row, where nothing is read */
            tiles.rows[row] =
                (const int8_t *)((uintptr_t)rows[row] + (uintptr_t)(column * (int32_t)channels));
        }
        tiles.first = column < 0 ? (uint32_t)-column : 0;
        tiles.end = left < COLUMNS ? (uint32_t)left : COLUMNS;
        sapmcu_transform_tiles(&tiles);
        products.y = y + at * p->out_channels;
        products.y_end = products.y + p->out_channels;
        sapmcu_multiply_tiles(&products);
    }
    if (p->low > INT8_MIN || p->high < INT8_MAX) {
        sapmcu_clamp_row(y, y + 2 * row_bytes, p->low, p->high);
    }
}
