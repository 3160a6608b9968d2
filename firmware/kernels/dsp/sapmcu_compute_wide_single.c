/* SPDX-License-Identifier: Apache-2.0 */
/* A file of its own: convolutions and products of one vector share it. */
#include "wide_products.h"

#define SAPMCU_WIDE_SINGLE_STEP(LOADED)                                                                      \
    "ldm    lr!, {r8-r11}       \n"                                                                          \
    "ldm    r12!, {" LOADED "}  \n"                                                                          \
    "smlad  r4, r8, r0, r4      \n"                                                                          \
    "smlad  r6, r8, r1, r6      \n"                                                                          \
    "smlad  r4, r10, r2, r4     \n"                                                                          \
    "smlad  r6, r10, r3, r6     \n"

/* sp: x, the second step, shift, x_end. r5: y; r7: y_end; else as in wide_products.h. */
SAPMCU_PACKED_ASSEMBLY void sapmcu_compute_wide_single(__attribute__((unused))
                                                       const sapmcu_packed_products *state) {
    __asm__(".syntax unified             \n"
            "push   {r4-r11, lr}         \n"
            "ldm    r0, {r1-r6, r11, r12} \n" /* y, -, y_end, x_end, x, skipped_bytes, shift, filter */
            "adr    r8, 2f               \n"
            "add    r10, r8, r6          \n"
            "orr    r10, r10, #1         \n"
            "mov    r9, r5               \n"
            "mov    r5, r1               \n"
            "mov    r7, r3               \n"
            "push   {r4}                 \n"
            "push   {r9-r11}             \n"
            "1:                          \n"
            "ldr    lr, [sp]             \n" SAPMCU_WIDE_SINGLE_STEP("r0-r4, r6") //
            "ldr    pc, [sp, #4]         \n"
            ".p2align 2                  \n"
            "2:                          \n"
            ".rept 4                     \n" SAPMCU_WIDE_SINGLE_STEP(
                "r0-r3") ".endr                       \n"
                         "ldr    r0, [sp, #12]        \n"
                         "cmp    lr, r0               \n"
                         "bne    2b                   \n"
                         "ldr    r10, [sp, #8]        \n"
                         "ldm    r12!, {r0-r2, r8}    \n"
                         "cmp    r10, #0              \n"
                         "bne    5f                   \n"
                         "smmla  r4, r4, r0, r1       \n"
                         "smmla  r6, r6, r2, r8       \n"
                         "ssat   r4, #8, r4, asr #12  \n"
                         "ssat   r6, #8, r6, asr #12  \n"
                         "6:                          \n"
                         "strb   r6, [r5, #1]         \n"
                         "strb   r4, [r5], #2         \n"
                         "cmp    r5, r7               \n"
                         "bne    1b                   \n"
                         "add    sp, sp, #16          \n"
                         "pop    {r4-r11, pc}         \n"
                         "5:                          \n"
                         "ldr    r9, [r12], #4        \n" SAPMCU_PACKED_GENERAL("r4", "r0", "r1", "r9") //
            "ldr    r9, [r12], #4        \n" SAPMCU_PACKED_GENERAL("r6", "r2", "r8", "r9")              //
            "b      6b                   \n");
}
