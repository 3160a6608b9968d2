/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_CHANNEL_PAIRS_H
#define SAPMCU_CHANNEL_PAIRS_H

/* What portable kernels share that compute two channels at a time from a copy of the window. */

#include "sapmcu/packed_conv2d.h"

#include "sapmcu/requantize.h"

/* The sums of a pixel's two channels, by 256, from the window, and from all that is before the factors. */
typedef void sapmcu_pair_sums(const int8_t *window, uint32_t numbers, const int32_t *filter, int32_t sum[2]);

/* x of number `at` of the window; 0 behind its end or a row's, where the filter is 0, too. */
static inline int8_t sapmcu_x_at(const sapmcu_packed_conv2d_s8_params *p, const int8_t *const *rows,
                                 int32_t column, uint32_t at) {
    const uint32_t row_numbers = 4U * p->row_words,
                   column_numbers = (uint32_t)p->kernel_height * p->in_channels;
    uint32_t ky = at / row_numbers;
    at %= row_numbers;
    if (p->is_copied == SAPMCU_MERGED) {
        ky = at / p->in_channels % p->kernel_height;
        at = at / column_numbers * p->in_channels + at % p->in_channels;
    }
    if (at >= (uint32_t)p->kernel_width * p->in_channels) {
        return 0;
    }
    const int8_t *const row = rows[ky];
    const int32_t tap = column + (int32_t)(at / p->in_channels);
    return tap >= 0 && tap < p->in_width ? row[column * p->in_channels + (int32_t)at] : p->zero_row[0];
}

/* One result. sum: by 256; factors: those of two channels, i is the channel. */
static inline int8_t sapmcu_requantize_pair(const sapmcu_packed_conv2d_s8_params *p, int32_t sum,
                                            const int32_t *factors, uint32_t i) {
    const int32_t high = (int32_t)(((int64_t)sum * factors[2 * i]) >> 32);
    const int32_t negative = p->shift > 0 && sum < 0 ? factors[4 + i] : 0;
    const int32_t scaled = high + sapmcu_wrapping_add(factors[2 * i + 1], negative);
    return sapmcu_clamp(scaled >> (p->shift > 0 ? p->shift : SAPMCU_FRACTION_BITS), p->low, p->high);
}

/* A row. step_words: of filters for four numbers. */
static inline void sapmcu_convolve_pairs(const sapmcu_packed_conv2d_s8_params *p, const int8_t *const *rows,
                                         int8_t *y, int8_t *window, uint32_t step_words,
                                         sapmcu_pair_sums *sums) {
    const uint32_t numbers = 4 * sapmcu_packed_steps(p);
    const uint32_t filter_words = numbers / 4 * step_words;
    int32_t column = -(int32_t)p->pad_left;
    for (uint32_t ox = 0; ox < p->out_width; ox++) {
        const int32_t *filter = p->filter;
        for (uint32_t at = 0; at < numbers; at++) {
            window[at] = sapmcu_x_at(p, rows, column, at);
        }
        for (uint32_t o = 0; o + 1 < p->out_channels; o += o == 0 && p->out_channels % 2 ? 1 : 2) {
            int32_t sum[2];
            sums(window, numbers, filter, sum);
            for (uint32_t i = 0; i < 2; i++) {
                y[o + i] = sapmcu_requantize_pair(p, sum[i], filter + 2 + filter_words, i);
            }
            filter += 2 + filter_words + (p->shift > 0 ? 6 : 4);
        }
        y += p->out_channels;
        column += p->stride_width;
    }
}

#endif
