/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_PACKED_PRODUCTS_H
#define SAPMCU_PACKED_PRODUCTS_H

/* Two pixels times all filters: 12 instructions for 16 products, two channels at a time, and 26 for their
 * four results; or one pixel, 8 for 8 and 29; or three, 17 for 24 and 36. In assembly: it takes all 14
 * registers, and compilers don't form LDM. */

#include "products_state.h"

/* Steps before the loop of two pixels looks whether it ends; a kernel may have fewer, for less code. */
#ifndef SAPMCU_PACKED_ROUND
#define SAPMCU_PACKED_ROUND 8
#endif
#define SAPMCU_PACKED_TEXT_OF(number) #number
#define SAPMCU_PACKED_TEXT(macro)     SAPMCU_PACKED_TEXT_OF(macro)

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
                              ".rept " SAPMCU_PACKED_TEXT(
                                  SAPMCU_PACKED_ROUND) "\n" SAPMCU_PACKED_STEP
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

/* Half a step of three pixels; r4-r6: sums of channel 0; r7-r9: as r6 and r7 above. */
#define SAPMCU_PACKED_HALF(FILTER)                                                                           \
    "ldm    lr!, {r0-r2}        \n"                                                                          \
    "sxtb16 r3, " FILTER "      \n"                                                                          \
    "smlad  r4, r0, r3, r4      \n"                                                                          \
    "smlad  r5, r1, r3, r5      \n"                                                                          \
    "smlad  r6, r2, r3, r6      \n"                                                                          \
    "smlad  r7, r0, " FILTER ", r7 \n"                                                                       \
    "smlad  r8, r1, " FILTER ", r8 \n"                                                                       \
    "smlad  r9, r2, " FILTER ", r9 \n"

/* Three pixels. Takes 60 bytes of stack. sp: y, y of pixel 1, y_end, x_end, x, the first step. */
SAPMCU_PACKED_ASSEMBLY __attribute__((unused)) static void
sapmcu_compute_packed_three(__attribute__((unused)) const sapmcu_packed_products *state) {
    __asm__(SAPMCU_BEGIN_THREE
            "1:                          \n"
            "ldrd   r4, r7, [r12], #8    \n"
            "mov    r5, r4               \n"
            "mov    r6, r4               \n"
            "mov    r8, r7               \n"
            "mov    r9, r7               \n"
            "ldr    pc, [sp, #20]        \n"
            ".p2align 2                  \n"
            "2:                          \n"
            ".rept 4                     \n"
            "ldrd   r10, r11, [r12], #8  \n" SAPMCU_PACKED_HALF("r10")
                SAPMCU_PACKED_HALF("r11") ".endr                       \n"
                                          "ldr    r3, [sp, #12]        \n"
                                          "cmp    lr, r3               \n"
                                          "bne    2b                   \n"
                                          "sub    r7, r7, r4           \n"
                                          "sub    r8, r8, r5           \n"
                                          "sub    r9, r9, r6           \n"
                                          "lsl    r4, r4, #8           \n"
                                          "lsl    r5, r5, #8           \n"
                                          "lsl    r6, r6, #8           \n" SAPMCU_FINISH_THREE);
}

/* The first pixel alone. Takes 48 bytes of stack. */
void sapmcu_compute_packed_single(const sapmcu_packed_products *state);

/* What sapmcu_products_core says of two pixels and of one, of two and of three. */
#define SAPMCU_PACKED_STEPS          1, SAPMCU_PACKED_ROUND, 48, 32, 0, 2
#define SAPMCU_PACKED_STEPS_OF_THREE 3, SAPMCU_PACKED_ROUND, 48, 68, 0, 2

#endif
