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
    __asm__(SAPMCU_BEGIN_PAIR "ldm    sp, {r0-r3, lr}      \n"
                              "1:                          \n"
                              "ldrd   r4, r6, [r12], #8    \n"
                              "mov    r5, r4               \n"
                              "mov    r7, r6               \n"
                              "ldr    pc, [sp, #20]        \n"
                              ".p2align 2                  \n"
                              "2:                          \n"
                              ".rept 8                     \n" SAPMCU_PACKED_STEP
                              ".endr                       \n"
                              "cmp    lr, r3               \n"
                              "bne    2b                   \n"
                              "3:                          \n"
                              "sub    r6, r6, r4           \n"
                              "sub    r7, r7, r5           \n"
                              "lsl    r4, r4, #8           \n"
                              "lsl    r5, r5, #8           \n"
                              "ldm    r12!, {r0-r3}        \n"
                              "ldr    pc, [sp, #28]        \n" SAPMCU_FINISH_PAIR);
}

/* The first pixel alone. Takes 48 bytes of stack. */
void sapmcu_compute_packed_single(const sapmcu_packed_products *state);

/* What sapmcu_products_core says of both. */
#define SAPMCU_PACKED_STEPS 8, 48, 32, 0, 2

#endif
