/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_PACKED_SHALLOW_H
#define SAPMCU_PACKED_SHALLOW_H

#include "sapmcu/packed_conv2d.h"
#include "sapmcu/packed_shallow_conv2d.h"
#include "sapmcu/requantize.h"

enum { SAPMCU_SHALLOW_WORDS = 8, SAPMCU_SHALLOW_NUMBERS = 10 };

/* All channels of a pixel, of whose window lanes has the numbers in the order of the filter's. */
static inline int8_t *sapmcu_shallow_pixel(const sapmcu_packed_shallow_conv2d_s8_params *p,
                                           const int8_t lanes[SAPMCU_SHALLOW_NUMBERS], int8_t *y) {
    const int32_t *filter = p->filter;
    for (uint32_t c = 0; c < p->out_channels; c++, filter += SAPMCU_SHALLOW_WORDS) {
        int32_t sum = filter[0];
        for (uint32_t i = 0; i < SAPMCU_SHALLOW_NUMBERS; i++) {
            const int32_t tap = (int16_t)((uint32_t)filter[1 + i / 2] >> (i % 2 * 16));
            sum = sapmcu_wrapping_add(sum, 256 * lanes[i] * tap);
        }
        const int32_t high = (int32_t)(((int64_t)sum * filter[6]) >> 32);
        *y++ = sapmcu_clamp((high + filter[7]) >> SAPMCU_FRACTION_BITS, p->low, p->high);
    }
    return y;
}

#endif
