/* SPDX-License-Identifier: Apache-2.0 */
/* rp2040_stage2.S as numbers, so that no compiler changes them: their last word is their CRC-32 as MPEG-2 has
 * it, which the boot ROM checks. Source: RP2040 Datasheet, 2.8.1.3.1, Checksum. */
#include <stdint.h>

__attribute__((used, section(".boot"))) static const uint32_t stage2[64] = {
    0x20004B09u, 0x21046098u, 0x49086159u, 0x60586019u, 0x4A084907u,        0x21016011u,
    0x48076099u, 0x60084907u, 0x468DC806u, 0x00004710u, 0x18000000u,        0x001F0300u,
    0x03000218u, 0x180000F4u, 0x10000100u, 0xE000ED08u, [63] = 0x0FDFCE8Fu,
};
