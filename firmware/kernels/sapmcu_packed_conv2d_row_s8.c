/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/packed_conv2d.h"

#include "channel_pairs.h"

/* The two numbers of two channels' filters at a tap. */
static void unpack(const int32_t *packed, uint32_t at, int32_t filter[2]) {
    static const uint8_t place[4] = {0, 2, 1, 3};
    const uint32_t in_four = place[at % 4], word = (uint32_t)packed[at / 4 * 2 + in_four / 2];
    const int32_t both = (int16_t)(in_four % 2 ? word >> 16 : word);
    filter[0] = (int8_t)both;
    filter[1] = (both - filter[0]) / 256;
}

static void add_pair(const int8_t *window, uint32_t numbers, const int32_t *filter, int32_t sum[2]) {
    sum[0] = filter[0];
    sum[1] = (int32_t)((uint32_t)filter[1] - (uint32_t)filter[0]); /* by 256, the first isn't yet */
    for (uint32_t at = 0; at < numbers; at++) {
        int32_t taps[2];
        unpack(filter + 2, at, taps);
        sum[0] = sapmcu_wrapping_add(sum[0], window[at] * taps[0]);
        sum[1] = sapmcu_wrapping_add(sum[1], 256 * window[at] * taps[1]);
    }
    sum[0] = (int32_t)((uint32_t)sum[0] << 8);
}

void sapmcu_packed_conv2d_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    sapmcu_convolve_pairs(params, rows, y, scratch, 2, add_pair); /* a copy, since y may lie where x does */
}
