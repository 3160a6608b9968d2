/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_TILE_SLOTS_H
#define SAPMCU_TILE_SLOTS_H

/* Sums of transformed tiles, four at a time, to and from the stack: winograd_row.h and winograd_tiles.h. */

#include "products_state.h"

/* r4..r7 and the like: to and from the stack. */
#define SAPMCU_TILE_STORE(A, B, C, D, OFFSET_0, OFFSET_1)                                                    \
    "strd   " A ", " B ", [sp, #" OFFSET_0 "]\n"                                                             \
    "strd   " C ", " D ", [sp, #" OFFSET_1 "]\n"
#define SAPMCU_TILE_LOAD(A, B, C, D, OFFSET_0, OFFSET_1)                                                     \
    "ldrd   " A ", " B ", [sp, #" OFFSET_0 "]\n"                                                             \
    "ldrd   " C ", " D ", [sp, #" OFFSET_1 "]\n"
/* r0..r3 = M1 - M2, from M1 on the stack and r4..r7 = M1 + M2. */
#define SAPMCU_TILE_DIFFERENCE(OFFSET_0, OFFSET_1)                                                           \
    SAPMCU_TILE_LOAD("r0", "r1", "r2", "r3", OFFSET_0, OFFSET_1)                                             \
    "rsb    r0, r4, r0, lsl #1   \n"                                                                         \
    "rsb    r1, r5, r1, lsl #1   \n"                                                                         \
    "rsb    r2, r6, r2, lsl #1   \n"                                                                         \
    "rsb    r3, r7, r3, lsl #1   \n"

#endif
