/* SPDX-License-Identifier: Apache-2.0 */
/* What RP2350's boot ROM looks for in the first 4 KB of an image in flash: that it is one, for the Arm cores,
 * secure, and that its vector table comes first. Source: RP2350 Datasheet, 5.9.5.1, Minimum Arm IMAGE_DEF. */
#include <stdint.h>

__attribute__((used, section(".image_definition"))) static const uint32_t image_definition[] = {
    0xFFFFDED3u, /* a block begins */
    0x10210142u, /* image type, 1 word: executable, secure, Arm, RP2350 */
    0x000001FFu, /* the last item: 1 word came before it */
    0x00000000u, /* the next block is this one */
    0xAB123579u, /* it ends */
};
