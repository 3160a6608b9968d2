/* SPDX-License-Identifier: Apache-2.0 */
#include "winograd.h"

enum { ROWS = 3, COLUMNS = 4, TOGETHER = 4 };

/* A channel of a tile whose first column is `column`: planes of all rows, one row behind the other. */
static void transform_tile(const sapmcu_winograd_conv2d_s8_params *p, const int8_t *const *rows,
                           int32_t column, uint32_t channel, int16_t *planes) {
    const uint32_t depth = p->in_channels, numbers = ROWS * depth;
    for (uint32_t at = 0; at < numbers; at += depth) {
        int16_t tile[COLUMNS];
        for (int32_t j = 0; j < COLUMNS; j++) {
            tile[j] = sapmcu_tile_x(p, *rows, column + j, channel);
        }
        sapmcu_transform(tile, 1, planes + at, numbers);
        rows++;
    }
}

/* Two results of a channel. */
static void compute_tile(const sapmcu_winograd_conv2d_s8_params *p, const int16_t *planes,
                         const int32_t *filter, uint32_t channel, int8_t *y) {
    const uint32_t numbers = (uint32_t)ROWS * p->in_channels, end = COLUMNS * numbers;
    const int32_t *const taps = filter + TOGETHER, *const factors = taps + 2 * end;
    uint32_t products[COLUMNS], sums[2], *product = products;
    for (uint32_t at = 0; at < end; at += numbers) {
        *product++ = sapmcu_multiply_plane(planes + at, taps + 2 * at, channel, TOGETHER, numbers);
    }
    products[0] += (uint32_t)filter[channel];
    sapmcu_gather_planes(products, 1, sums, 1);
    for (uint32_t i = 0; i < 2; i++) {
        y[i * p->out_channels] = sapmcu_tile_result(p, sums[i], factors, channel, TOGETHER);
    }
}

void sapmcu_winograd_conv2d_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_winograd_conv2d_s8_params *const p = params;
    const uint32_t depth = p->in_channels,
                   words = TOGETHER * (1 + ROWS * COLUMNS * depth / 2 + (p->shift > 0 ? 3U : 2U));
    int16_t *const planes = scratch;
    for (uint32_t first = 0; first < p->out_width; first += 2) {
        const uint32_t at = first + 2 <= p->out_width ? first : p->out_width - 2U;
        for (uint32_t channel = 0; channel < depth; channel++) {
            transform_tile(p, rows, (int32_t)at - p->pad_left, channel, planes + channel);
        }
        for (uint32_t channel = 0; channel < p->out_channels; channel++) {
            const int32_t *const filter = p->filter + channel / TOGETHER * words;
            compute_tile(p, planes, filter, channel % TOGETHER, y + at * p->out_channels + channel);
        }
    }
}
