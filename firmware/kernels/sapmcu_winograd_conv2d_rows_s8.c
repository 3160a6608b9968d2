/* SPDX-License-Identifier: Apache-2.0 */
#include "winograd.h"

/* B^T of four numbers that are so many apart, in the order 1, 2, 0, 3, to numbers that are step_to apart. */
static void transform(const int16_t *from, uint32_t step, int16_t *to, uint32_t step_to) {
    const int16_t d0 = from[0], d1 = from[step], d2 = from[2 * step], d3 = from[3 * step];
    to[0] = (int16_t)(d1 + d2);
    to[step_to] = (int16_t)(d2 - d1);
    to[2 * step_to] = (int16_t)(d0 - d2);
    to[3 * step_to] = (int16_t)(d3 - d1);
}

/* A^T of numbers in the order 1, 2, 0, 3, modulo 2^32. */
static void gather(const uint32_t *from, uint32_t step, uint32_t *to, uint32_t step_to) {
    to[0] = from[0] + from[step] + from[2 * step];
    to[step_to] = from[0] - from[step] + from[3 * step];
}

/* A channel of a tile whose first column is `column`: planes, in_channels numbers apart. */
static void transform_tile(const sapmcu_winograd_conv2d_s8_params *p, const int8_t *const *rows,
                           int32_t column, uint32_t channel, int16_t *planes) {
    int16_t tile[16], half[16];
    for (uint32_t i = 0; i < 16; i++) {
        tile[i] = sapmcu_tile_x(p, rows[i / 4], column + (int32_t)(i % 4), channel);
    }
    for (uint32_t j = 0; j < 4; j++) {
        transform(tile + j, 4, half + j, 4);
    }
    for (uint32_t i = 0; i < 4; i++) {
        transform(half + 4 * i, 1, planes + i * p->in_channels, 4U * p->in_channels);
    }
}

/* Four results of a channel. */
static void compute_tile(const sapmcu_winograd_conv2d_s8_params *p, const int16_t *planes,
                         const int32_t *filter, uint32_t channel, int8_t *y) {
    const uint32_t depth = p->in_channels, row_bytes = (uint32_t)p->out_width * p->out_channels;
    const int32_t *const factors = filter + 2 + 16 * depth;
    uint32_t products[16], half[8], sums[4];
    for (uint32_t plane = 0; plane < 16; plane++) {
        const uint32_t at = plane * depth;
        products[plane] = sapmcu_multiply_plane(planes + at, filter + 2 + at, channel, 2, depth);
    }
    products[0] += (uint32_t)filter[channel];
    for (uint32_t j = 0; j < 4; j++) {
        gather(products + 4 * j, 1, half + 2 * j, 1);
    }
    for (uint32_t i = 0; i < 2; i++) {
        gather(half + i, 2, sums + i, 2);
    }
    for (uint32_t i = 0; i < 4; i++) {
        y[i % 2 * row_bytes + i / 2 * p->out_channels] = sapmcu_tile_result(p, sums[i], factors, channel, 2);
    }
}

void sapmcu_winograd_conv2d_rows_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_winograd_conv2d_s8_params *const p = params;
    const uint32_t depth = p->in_channels, pair_words = 2 + 16 * depth + (p->shift > 0 ? 6U : 4U);
    int16_t *const planes = scratch;
    for (uint32_t first = 0; first < p->out_width; first += 2) {
        const uint32_t at = first + 2 <= p->out_width ? first : p->out_width - 2U;
        for (uint32_t channel = 0; channel < depth; channel++) {
            transform_tile(p, rows, (int32_t)at - p->pad_left, channel, planes + channel);
        }
        for (uint32_t channel = 0; channel < p->out_channels; channel++) {
            const int32_t *const filter = p->filter + channel / 2 * pair_words;
            compute_tile(p, planes, filter, channel % 2, y + at * p->out_channels + channel);
        }
    }
}
