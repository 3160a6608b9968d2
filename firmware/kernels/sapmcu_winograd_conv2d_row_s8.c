/* SPDX-License-Identifier: Apache-2.0 */
#include "winograd.h"

enum { ROWS = 3, COLUMNS = 6, RESULTS = 4, TOGETHER = 4 };

/* B^T in the order 1, 2, 3, 4, 0, 5, to numbers that are `step` apart. */
static void transform(const int16_t d[COLUMNS], int16_t *to, uint32_t step) {
    const int32_t far = d[4] - 4 * d[2], near = d[3] - 4 * d[1], even = d[4] - d[2], odd = d[3] - d[1];
    to[0] = (int16_t)(far + near);
    to[step] = (int16_t)(far - near);
    to[2 * step] = (int16_t)(even + 2 * odd);
    to[3 * step] = (int16_t)(even - 2 * odd);
    to[4 * step] = (int16_t)(4 * (d[0] - d[2]) + even);
    to[5 * step] = (int16_t)(d[5] - d[3] - 4 * odd);
}

/* A channel of a tile whose first column is `column`: planes of all rows, one row behind the other. */
static void transform_tile(const sapmcu_winograd_conv2d_s8_params *p, const int8_t *const *rows,
                           int32_t column, uint32_t channel, int16_t *planes) {
    const uint32_t depth = p->in_channels, numbers = ROWS * depth;
    for (uint32_t at = 0; at < numbers; at += depth) {
        int16_t tile[COLUMNS];
        for (int32_t j = 0; j < COLUMNS; j++) {
            tile[j] = sapmcu_tile_x(p, *rows, column + j, channel);
        }
        transform(tile, planes + at, numbers);
        rows++;
    }
}

/* A^T of numbers in the order 1, 2, 3, 4, 0, 5, modulo 2^32. */
static void gather(const uint32_t m[COLUMNS], uint32_t y[RESULTS]) {
    const uint32_t even = m[0] + m[1], odd = m[0] - m[1], even_2 = m[2] + m[3], odd_2 = m[2] - m[3];
    y[0] = even + even_2 + m[4];
    y[1] = odd + 2 * odd_2;
    y[2] = even + 4 * even_2;
    y[3] = odd + 8 * odd_2 + m[5];
}

/* Four results of a channel. */
static void compute_tile(const sapmcu_winograd_conv2d_s8_params *p, const int16_t *planes,
                         const int32_t *filter, uint32_t channel, int8_t *y) {
    const uint32_t numbers = (uint32_t)ROWS * p->in_channels, end = COLUMNS * numbers;
    const int32_t *const taps = filter + TOGETHER, *const factors = taps + 2 * end;
    uint32_t products[COLUMNS], sums[RESULTS], *product = products;
    for (uint32_t at = 0; at < end; at += numbers) {
        *product++ = sapmcu_multiply_plane(planes + at, taps + 2 * at, channel, TOGETHER, numbers);
    }
    products[0] += (uint32_t)filter[channel];
    gather(products, sums);
    for (uint32_t i = 0; i < RESULTS; i++) {
        y[i * p->out_channels] = sapmcu_tile_result(p, sums[i], factors, channel, TOGETHER);
    }
}

void sapmcu_winograd_conv2d_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_winograd_conv2d_s8_params *const p = params;
    const uint32_t depth = p->in_channels,
                   words = TOGETHER * (1 + ROWS * COLUMNS * depth / 2 + (p->shift > 0 ? 3U : 2U));
    int16_t *const planes = scratch;
    for (uint32_t first = 0; first < p->out_width; first += RESULTS) {
        const uint32_t at = first + RESULTS <= p->out_width ? first : p->out_width - (uint32_t)RESULTS;
        for (uint32_t channel = 0; channel < depth; channel++) {
            transform_tile(p, rows, (int32_t)at - p->pad_left, channel, planes + channel);
        }
        for (uint32_t channel = 0; channel < p->out_channels; channel++) {
            const int32_t *const filter = p->filter + channel / TOGETHER * words;
            compute_tile(p, planes, filter, channel % TOGETHER, y + at * p->out_channels + channel);
        }
    }
}
