/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_LANES_H
#define SAPMCU_LANES_H

/* Two numbers in a word: lanes(a, b) = a + 2^16 * b, modulo 2^32. A word times a number has both products as
 * long as the lower one has 16 bits; so has a sum of such products. For kernels only. */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Four pixels and a channel. lanes: the sum over blocks of (sum of lanes + 2^15), modulo 2^32; high: the sum
 * of pixel 1 or 3, which is what is above the lower lane of each block's sum + 2^15. */
typedef struct {
    uint32_t lanes01;
    int32_t high1;
    uint32_t lanes23;
    int32_t high3;
} sapmcu_lane_sums;

enum { SAPMCU_LANE_BITS = 16, SAPMCU_LANE_HALF = 1 << 15 };

/* Write `count` numbers of four pixels, 1 or more, as words of pixels 0, 1 and 2, 3. at: the first of each.
 * Returns what follows the words. */
uint32_t *sapmcu_gather_lanes(uint32_t *to, const int8_t *const at[4], uint32_t count);

/* Add blocks of four products for `channels` channels, one behind the other. x..x_end: of each number the
 * words of pixels 0, 1 and 2, 3; the same for all channels. filter: four numbers a word. Returns what follows
 * the filters. */
const uint32_t *sapmcu_add_lanes(const uint32_t *x, const uint32_t *filter, const uint32_t *x_end,
                                 sapmcu_lane_sums *sums, uint32_t channels);

#ifdef __cplusplus
}
#endif

#endif
