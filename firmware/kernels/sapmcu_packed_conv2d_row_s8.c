/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/packed_conv2d.h"

#include "sapmcu/requantize.h"

/* x of number `at` of a row of the window; 0 behind its end, where the filter is 0, too. */
static int8_t x_at(const sapmcu_packed_conv2d_s8_params *p, const int8_t *row, int32_t column, uint32_t at) {
    const int32_t tap = column + (int32_t)(at / p->in_channels);
    if (at >= (uint32_t)p->kernel_width * p->in_channels) {
        return 0;
    }
    return tap >= 0 && tap < p->in_width ? row[column * p->in_channels + (int32_t)at] : p->zero_row[0];
}

/* The two numbers of two channels' filters at a tap. */
static void unpack(const int32_t *packed, uint32_t at, int32_t filter[2]) {
    static const uint8_t place[4] = {0, 2, 1, 3};
    const uint32_t in_four = place[at % 4], word = (uint32_t)packed[at / 4 * 2 + in_four / 2];
    const int32_t both = (int16_t)(in_four % 2 ? word >> 16 : word);
    filter[0] = (int8_t)both;
    filter[1] = (both - filter[0]) / 256;
}

/* Two channels of a pixel from its window, row by row. */
static void compute_pair(const sapmcu_packed_conv2d_s8_params *p, const int8_t *window, const int32_t *filter,
                         int8_t *y) {
    const uint32_t numbers = 4U * p->kernel_height * p->row_words;
    const int32_t *const factors = filter + 2 + numbers / 2;
    int32_t sum[2] = {filter[0],
                      (int32_t)((uint32_t)filter[1] - (uint32_t)filter[0])}; /* the second by 256 */
    for (uint32_t at = 0; at < numbers; at++) {
        int32_t taps[2];
        unpack(filter + 2, at, taps);
        sum[0] = sapmcu_wrapping_add(sum[0], window[at] * taps[0]);
        sum[1] = sapmcu_wrapping_add(sum[1], 256 * window[at] * taps[1]);
    }
    sum[0] = (int32_t)((uint32_t)sum[0] << 8);
    for (uint32_t i = 0; i < 2; i++) {
        const int32_t high = (int32_t)(((int64_t)sum[i] * factors[2 * i]) >> 32);
        const int32_t negative = p->shift > 0 && sum[i] < 0 ? factors[4 + i] : 0;
        const int32_t scaled = high + sapmcu_wrapping_add(factors[2 * i + 1], negative);
        y[i] = sapmcu_clamp(scaled >> (p->shift > 0 ? p->shift : SAPMCU_FRACTION_BITS), p->low, p->high);
    }
}

void sapmcu_packed_conv2d_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_packed_conv2d_s8_params *const p = params;
    const uint32_t row_numbers = 4U * p->row_words, numbers = p->kernel_height * row_numbers;
    const uint32_t pair_words = 2 + numbers / 2 + (p->shift > 0 ? 6 : 4);
    int8_t *const window = scratch; /* a copy, since y may lie where x does */
    int32_t column = -(int32_t)p->pad_left;
    for (uint32_t ox = 0; ox < p->out_width; ox++) {
        const int32_t *filter = p->filter;
        for (uint32_t at = 0; at < numbers; at++) {
            window[at] = x_at(p, rows[at / row_numbers], column, at % row_numbers);
        }
        for (uint32_t o = 0; o < p->out_channels; o += o == 0 && p->out_channels % 2 ? 1 : 2) {
            if (o + 1 < p->out_channels) {
                compute_pair(p, window, filter, y + o);
                filter += pair_words;
            }
        }
        y += p->out_channels;
        column += p->stride_width;
    }
}
