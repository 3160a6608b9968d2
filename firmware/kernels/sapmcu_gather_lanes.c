/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/lanes.h"

uint32_t *sapmcu_gather_lanes(uint32_t *to, const int8_t *const at[4], uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        *to++ = (uint32_t)at[0][i] + ((uint32_t)at[1][i] << SAPMCU_LANE_BITS);
        *to++ = (uint32_t)at[2][i] + ((uint32_t)at[3][i] << SAPMCU_LANE_BITS);
    }
    return to;
}
