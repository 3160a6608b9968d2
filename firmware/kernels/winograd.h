/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_WINOGRAD_H
#define SAPMCU_WINOGRAD_H

/* What the portable kernels of winograd_conv2d.h share. */

#include "sapmcu/packed_conv2d.h"
#include "sapmcu/requantize.h"
#include "sapmcu/winograd_conv2d.h"

/* x at a column, perhaps beside the image. */
static inline int8_t sapmcu_tile_x(const sapmcu_winograd_conv2d_s8_params *p, const int8_t *row,
                                   int32_t column, uint32_t channel) {
    const int is_inside = column >= 0 && column < p->in_width;
    return is_inside ? row[(uint32_t)column * p->in_channels + channel] : p->zero_row[0];
}

/* The product of a plane with the filters of one of so many channels that lie together. */
static inline uint32_t sapmcu_multiply_plane(const int16_t *plane, const int32_t *filter, uint32_t channel,
                                             uint32_t together, uint32_t numbers) {
    uint32_t sum = 0;
    for (uint32_t at = 0; at < numbers; at++) {
        const uint32_t word = (uint32_t)filter[(at / 4 * 2 + at % 2) * together + channel];
        sum += (uint32_t)(plane[at] * (int16_t)(at % 4 / 2 ? word >> 16 : word));
    }
    return sum;
}

/* One result. factors: those of so many channels that lie together. */
static inline int8_t sapmcu_tile_result(const sapmcu_winograd_conv2d_s8_params *p, uint32_t from,
                                        const int32_t *factors, uint32_t channel, uint32_t together) {
    const int32_t sum = (int32_t)from;
    const int32_t high = (int32_t)(((int64_t)sum * factors[2 * channel]) >> 32);
    const int32_t negative = p->shift > 0 && sum < 0 ? factors[2 * together + channel] : 0;
    const int32_t scaled = high + sapmcu_wrapping_add(factors[2 * channel + 1], negative);
    return sapmcu_clamp(scaled >> (p->shift > 0 ? p->shift : SAPMCU_FRACTION_BITS), p->low, p->high);
}

#endif
