/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_PACKED_PRODUCTS_H
#define SAPMCU_PACKED_PRODUCTS_H

/* Two pixels times all filters: 12 instructions for 16 products, two channels at a time, and 26 for their
 * four results; or one pixel, 8 for 8 and 29. In assembly: it takes all 14 registers, and compilers don't
 * form LDM. */

#include "products_state.h"

/* lr: x; r12: filter; r4, r5: sums of channel 0; r6, r7: of 256 times channel 1 and channel 0, in which SMLAD
 * multiplies by both. */
#define SAPMCU_PACKED_STEP                                                                                   \
    "ldm    lr!, {r8-r11}       \n"                                                                          \
    "ldrd   r0, r1, [r12], #8   \n"                                                                          \
    "sxtb16 r2, r0              \n"                                                                          \
    "smlad  r4, r8, r2, r4      \n"                                                                          \
    "smlad  r5, r9, r2, r5      \n"                                                                          \
    "smlad  r6, r8, r0, r6      \n"                                                                          \
    "smlad  r7, r9, r0, r7      \n"                                                                          \
    "sxtb16 r2, r1              \n"                                                                          \
    "smlad  r4, r10, r2, r4     \n"                                                                          \
    "smlad  r5, r11, r2, r5     \n"                                                                          \
    "smlad  r6, r10, r1, r6     \n"                                                                          \
    "smlad  r7, r11, r1, r7     \n"

/* Takes 68 bytes of stack. sp: y, y of pixel 1, y_end, x_end, x, the first step, shift, what requantizes. */
SAPMCU_PACKED_ASSEMBLY __attribute__((unused)) static void
sapmcu_compute_packed(__attribute__((unused)) const sapmcu_packed_products *state) {
    __asm__(".syntax unified             \n"
            "push   {r4-r11, lr}         \n"
            "ldm    r0, {r1-r7, r12}     \n"
            "adr    r8, 2f               \n"
            "add    r6, r6, r8           \n"
            "orr    r6, r6, #1           \n"
            "adr    r8, 4f               \n"
            "cbz    r7, 0f               \n"
            "adr    r8, 5f               \n"
            "0:                          \n"
            "orr    r8, r8, #1           \n"
            "push   {r1-r8}              \n"
            "ldm    sp, {r0-r3, lr}      \n"
            "1:                          \n"
            "ldrd   r4, r6, [r12], #8    \n"
            "mov    r5, r4               \n"
            "mov    r7, r6               \n"
            "ldr    pc, [sp, #20]        \n"
            ".p2align 2                  \n"
            "2:                          \n"
            ".rept 8                     \n" SAPMCU_PACKED_STEP ".endr                       \n"
            "cmp    lr, r3               \n"
            "bne    2b                   \n"
            "3:                          \n"
            "sub    r6, r6, r4           \n"
            "sub    r7, r7, r5           \n"
            "lsl    r4, r4, #8           \n"
            "lsl    r5, r5, #8           \n"
            "ldm    r12!, {r0-r3}        \n"
            "ldr    pc, [sp, #28]        \n"
            ".p2align 2                  \n"
            "4:                          \n"
            "smmla  r4, r4, r0, r1       \n"
            "smmla  r5, r5, r0, r1       \n"
            "smmla  r6, r6, r2, r3       \n"
            "smmla  r7, r7, r2, r3       \n"
            "ssat   r4, #8, r4, asr #12  \n"
            "ssat   r5, #8, r5, asr #12  \n"
            "ssat   r6, #8, r6, asr #12  \n"
            "ssat   r7, #8, r7, asr #12  \n"
            "6:                          \n"
            "ldm    sp, {r0-r3, lr}      \n"
            "strb   r6, [r0, #1]         \n"
            "strb   r7, [r1, #1]         \n"
            "strb   r4, [r0], #2         \n"
            "strb   r5, [r1], #2         \n"
            "strd   r0, r1, [sp]         \n"
            "cmp    r0, r2               \n"
            "bne    1b                   \n"
            "add    sp, sp, #32          \n"
            "pop    {r4-r11, pc}         \n"
            ".p2align 2                  \n"
            "5:                          \n"
            "ldrd   r8, r9, [r12], #8    \n"
            "ldr    r10, [sp, #24]       \n" SAPMCU_PACKED_GENERAL("r4", "r0", "r1", "r8")
                SAPMCU_PACKED_GENERAL("r5", "r0", "r1", "r8") SAPMCU_PACKED_GENERAL("r6", "r2", "r3", "r9")
                    SAPMCU_PACKED_GENERAL("r7", "r2", "r3", "r9") "b      6b                   \n");
}

/* The first pixel alone. Takes 48 bytes of stack. */
void sapmcu_compute_packed_single(const sapmcu_packed_products *state);

/* What sapmcu_products_core says of both. */
#define SAPMCU_PACKED_STEPS 8, 48, 32, 0, 2

#endif
