/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/lanes.h"

static void add_block(uint32_t block, uint32_t *lanes, int32_t *high) {
    block += SAPMCU_LANE_HALF;
    *lanes += block;
    *high += (int32_t)block >> SAPMCU_LANE_BITS;
}

const uint32_t *sapmcu_add_lanes(const uint32_t *x, const uint32_t *filter, const uint32_t *x_end,
                                 sapmcu_lane_sums *sums, uint32_t channels) {
    for (; channels > 0; channels--, sums++) {
        for (const uint32_t *from = x; from != x_end; filter++) {
            uint32_t block01 = 0, block23 = 0;
            for (uint32_t i = 0; i < 4; i++) {
                const uint32_t weight = (uint32_t)(int8_t)(*filter >> (8 * i));
                block01 += *from++ * weight;
                block23 += *from++ * weight;
            }
            add_block(block01, &sums->lanes01, &sums->high1);
            add_block(block23, &sums->lanes23, &sums->high3);
        }
    }
    return filter;
}
