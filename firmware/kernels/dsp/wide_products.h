/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_WIDE_PRODUCTS_H
#define SAPMCU_WIDE_PRODUCTS_H

/* Two pixels times all filters of 16 bits: 10 instructions for 16 products, two channels at a time, and 22
 * for their four results; or one pixel, 6 for 8 and 16. As in packed_products.h, but nothing has to be
 * unpacked. */

#include "products_state.h"

/* lr: x; r12: filter; r4, r5: sums of channel 0; r6, r7: of channel 1; all by 256, as filters are. ADDEND_0,
 * ADDEND_1: r4 to r7, or registers with a bias for both pixels. */
#define SAPMCU_WIDE_STEP(LOADED, ADDEND_00, ADDEND_01, ADDEND_10, ADDEND_11)                                 \
    "ldm    lr!, {r8-r11}       \n"                                                                          \
    "ldm    r12!, {" LOADED "}  \n"                                                                          \
    "smlad  r4, r8, r0, " ADDEND_00 "\n"                                                                     \
    "smlad  r5, r9, r0, " ADDEND_01 "\n"                                                                     \
    "smlad  r6, r8, r1, " ADDEND_10 "\n"                                                                     \
    "smlad  r7, r9, r1, " ADDEND_11 "\n"                                                                     \
    "smlad  r4, r10, r2, r4     \n"                                                                          \
    "smlad  r5, r11, r2, r5     \n"                                                                          \
    "smlad  r6, r10, r3, r6     \n"                                                                          \
    "smlad  r7, r11, r3, r7     \n"

/* Takes 68 bytes of stack. sp: y, y of pixel 1, y_end, x_end, x, the second step, shift, what requantizes. */
SAPMCU_PACKED_ASSEMBLY __attribute__((unused)) static void
sapmcu_compute_wide(__attribute__((unused)) const sapmcu_packed_products *state) {
    __asm__(SAPMCU_BEGIN_PAIR
            "mov    lr, r5               \n"
            "1:                          \n" SAPMCU_WIDE_STEP("r0-r3, r5, r7", "r5", "r5", "r7", "r7") //
            "ldr    pc, [sp, #20]        \n"
            ".p2align 2                  \n"
            "2:                          \n"
            ".rept 16                    \n" SAPMCU_WIDE_STEP("r0-r3", "r4", "r5", "r6", "r7") //
            ".endr                       \n"
            "ldr    r0, [sp, #12]        \n"
            "cmp    lr, r0               \n"
            "bne    2b                   \n"
            "ldm    r12!, {r0-r3}        \n"
            "ldr    pc, [sp, #28]        \n" SAPMCU_FINISH_PAIR);
}

/* Half a step of three pixels; r4-r6: sums of channel 0; r7-r9: of channel 1. ADDEND_02..11: sums of
 * the third and second pixel, or the biases, r4 and r7. */
#define SAPMCU_WIDE_HALF(ADDEND_02, ADDEND_01, ADDEND_12, ADDEND_11)                                         \
    "ldm    lr!, {r0-r2}          \n"                                                                        \
    "ldrd   r10, r11, [r12], #8   \n"                                                                        \
    "smlad  r6, r2, r10, " ADDEND_02 "\n"                                                                    \
    "smlad  r5, r1, r10, " ADDEND_01 "\n"                                                                    \
    "smlad  r4, r0, r10, r4       \n"                                                                        \
    "smlad  r9, r2, r11, " ADDEND_12 "\n"                                                                    \
    "smlad  r8, r1, r11, " ADDEND_11 "\n"                                                                    \
    "smlad  r7, r0, r11, r7       \n"
#define SAPMCU_WIDE_OTHER_HALF SAPMCU_WIDE_HALF("r6", "r5", "r9", "r8")

/* Three pixels. Takes 60 bytes of stack. sp: y, y of pixel 1, y_end, x_end, x, the second step; r3: x_end. */
SAPMCU_PACKED_ASSEMBLY __attribute__((unused)) static void
sapmcu_compute_wide_three(__attribute__((unused)) const sapmcu_packed_products *state) {
    __asm__(SAPMCU_BEGIN_THREE
            "mov    r3, r4               \n"
            "1:                          \n"
            "ldrd   r4, r7, [r12, #16]   \n" /* biases, behind the filters of the first step */
            SAPMCU_WIDE_HALF("r4", "r4", "r7", "r7") SAPMCU_WIDE_OTHER_HALF
            "add    r12, r12, #8         \n"
            "ldr    pc, [sp, #20]        \n"
            ".p2align 2                  \n"
            "2:                          \n"
            ".rept 8                     \n" SAPMCU_WIDE_OTHER_HALF ".endr                       \n"
            "cmp    lr, r3               \n"
            "bne    2b                   \n" SAPMCU_FINISH_THREE);
}

/* The first pixel alone. Takes 52 bytes of stack. */
void sapmcu_compute_wide_single(const sapmcu_packed_products *state);

/* What sapmcu_products_core says of two pixels and of one, of two and of three. */
#define SAPMCU_WIDE_STEPS          1, 16, 40, 24, 1, 4
#define SAPMCU_WIDE_STEPS_OF_THREE 3, 16, 40, 64, 1, 4

#endif
