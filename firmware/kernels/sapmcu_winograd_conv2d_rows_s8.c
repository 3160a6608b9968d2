/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/winograd_conv2d.h"

#include "sapmcu/packed_conv2d.h"
#include "sapmcu/requantize.h"

/* B^T of four numbers that are so many apart, in the order 1, 2, 0, 3, to numbers that are step_to apart. */
static void transform(const int16_t *from, uint32_t step, int16_t *to, uint32_t step_to) {
    const int16_t d0 = from[0], d1 = from[step], d2 = from[2 * step], d3 = from[3 * step];
    to[0] = (int16_t)(d1 + d2);
    to[step_to] = (int16_t)(d2 - d1);
    to[2 * step_to] = (int16_t)(d0 - d2);
    to[3 * step_to] = (int16_t)(d3 - d1);
}

/* A channel of a tile whose first column is `column`: planes, in_channels numbers apart. */
static void transform_tile(const sapmcu_winograd_conv2d_s8_params *p, const int8_t *const *rows,
                           int32_t column, uint32_t channel, int16_t *planes) {
    int16_t tile[16], half[16];
    for (uint32_t i = 0; i < 16; i++) {
        const int32_t x = column + (int32_t)(i % 4);
        const int is_inside = x >= 0 && x < p->in_width;
        tile[i] = is_inside ? rows[i / 4][(uint32_t)x * p->in_channels + channel] : p->zero_row[0];
    }
    for (uint32_t j = 0; j < 4; j++) {
        transform(tile + j, 4, half + j, 4);
    }
    for (uint32_t i = 0; i < 4; i++) {
        transform(half + 4 * i, 1, planes + i * p->in_channels, 4U * p->in_channels);
    }
}

/* The product of a plane with one of two channels' filters. */
static uint32_t multiply(const int16_t *plane, const int32_t *filter, uint32_t channel, uint32_t depth) {
    uint32_t sum = 0;
    for (uint32_t at = 0; at < depth; at++) {
        const uint32_t word = (uint32_t)filter[at / 4 * 4 + at % 2 * 2 + channel];
        sum += (uint32_t)(plane[at] * (int16_t)(at % 4 / 2 ? word >> 16 : word));
    }
    return sum;
}

/* A^T of numbers in the order 1, 2, 0, 3, modulo 2^32. */
static void gather(const uint32_t *from, uint32_t step, uint32_t *to, uint32_t step_to) {
    to[0] = from[0] + from[step] + from[2 * step];
    to[step_to] = from[0] - from[step] + from[3 * step];
}

/* Four results of a channel. factors: those of two channels. */
static void compute_tile(const sapmcu_winograd_conv2d_s8_params *p, const int16_t *planes,
                         const int32_t *filter, uint32_t channel, int8_t *y) {
    const uint32_t depth = p->in_channels, row_bytes = (uint32_t)p->out_width * p->out_channels;
    const int32_t *const factors = filter + 2 + 16 * depth;
    uint32_t products[16], half[8], sums[4];
    for (uint32_t plane = 0; plane < 16; plane++) {
        products[plane] = multiply(planes + plane * depth, filter + 2 + plane * depth, channel, depth);
    }
    products[0] += (uint32_t)filter[channel];
    for (uint32_t j = 0; j < 4; j++) {
        gather(products + 4 * j, 1, half + 2 * j, 1);
    }
    for (uint32_t i = 0; i < 2; i++) {
        gather(half + i, 2, sums + i, 2);
    }
    for (uint32_t i = 0; i < 4; i++) {
        const int32_t sum = (int32_t)sums[i];
        const int32_t high = (int32_t)(((int64_t)sum * factors[2 * channel]) >> 32);
        const int32_t negative = p->shift > 0 && sum < 0 ? factors[4 + channel] : 0;
        const int32_t scaled = high + sapmcu_wrapping_add(factors[2 * channel + 1], negative);
        y[i % 2 * row_bytes + i / 2 * p->out_channels] =
            sapmcu_clamp(scaled >> (p->shift > 0 ? p->shift : SAPMCU_FRACTION_BITS), p->low, p->high);
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
