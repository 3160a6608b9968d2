/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/wide_conv2d.h"

#include "channel_pairs.h"

/* filter: for every four numbers 0 and 2 of channel 0, of channel 1, then 1 and 3; biases behind the first.
 */
static void add_pair(const int8_t *window, uint32_t numbers, const int32_t *filter, int32_t sum[2]) {
    sum[0] = filter[4];
    sum[1] = filter[5];
    for (uint32_t at = 0; at < numbers; at++) {
        const int32_t *const words = filter + (at < 4 ? 0 : 2) + (at / 4 * 4 + at % 2 * 2);
        for (uint32_t i = 0; i < 2; i++) {
            const uint32_t word = (uint32_t)words[i];
            const int32_t tap = (int16_t)(at % 4 / 2 ? word >> 16 : word);
            sum[i] = sapmcu_wrapping_add(sum[i], window[at] * tap);
        }
    }
}

void sapmcu_wide_conv2d_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    sapmcu_convolve_pairs(params, rows, y, scratch, 4, add_pair);
}
