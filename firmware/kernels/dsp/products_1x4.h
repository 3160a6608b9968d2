/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_PRODUCTS_1X4_H
#define SAPMCU_PRODUCTS_1X4_H

/* The inner loop for a pixel that has no partner: one pixel times four filters, 23 instructions for 16
 * products. */

#include "products_2x2.h"

/* The assembly knows the order. Of spans, x[0] is read. */
typedef struct {
    const int8_t *filter;  /* the first; moved on to what follows the spans */
    uint32_t filter_bytes; /* from each filter to the next */
    int32_t sum[4];
    const sapmcu_span_2x2 *spans, *spans_end;
} sapmcu_products_1x4;

/* r0: x; r1: first filter; r2, r3: bytes to the second and fourth; r4..r7: sums; r10: where the fours end. */
#define SAPMCU_FILTER_1X4(LOAD, SUM)                                                                         \
    LOAD "sxtb16 r12, r11, ror #8     \n"                                                                    \
         "sxtb16 r11, r11             \n"                                                                    \
         "smlad  " SUM ", r9, r12, " SUM "\n"                                                                \
         "smlad  " SUM ", r8, r11, " SUM "\n"
#define SAPMCU_STEP_1X4                                                                                      \
    "ldr    r8, [r0], #4         \n"                                                                         \
    "sxtb16 r9, r8, ror #8       \n"                                                                         \
    "sxtb16 r8, r8               \n" SAPMCU_FILTER_1X4("ldr r11, [r1, r2]\n", "r5")                          \
        SAPMCU_FILTER_1X4("ldr r11, [r1, r2, lsl #1]\n", "r6")                                               \
            SAPMCU_FILTER_1X4("ldr r11, [r1, r3]\n", "r7") SAPMCU_FILTER_1X4("ldr r11, [r1], #4\n", "r4")

/* Add the products of all spans, one or more. Takes 52 bytes of stack.
 * sp: numbers behind the span's fours, state, next span, spans_end. */
SAPMCU_ASSEMBLY static void sapmcu_add_products_1x4(__attribute__((unused)) sapmcu_products_1x4 *state) {
    __asm__(".syntax unified            \n"
            "push   {r4-r11, lr}        \n"
            "ldrd   r10, r11, [r0, #24] \n"
            "push   {r0, r10, r11}      \n"
            "sub    sp, sp, #4          \n"
            "ldm    r0, {r1, r2, r4-r7} \n"
            "add    r3, r2, r2, lsl #1  \n"
            "1:                         \n"
            "ldr    r8, [sp, #8]        \n"
            "ldr    r0, [r8]            \n"
            "ldr    r9, [r8, #8]        \n"
            "add    r8, r8, #12         \n"
            "str    r8, [sp, #8]        \n"
            "and    r10, r9, #3         \n"
            "str    r10, [sp]           \n"
            "bics   r9, r9, #3          \n"
            "beq    3f                  \n"
            "add    r10, r1, r9         \n"
            "2:                         \n" SAPMCU_STEP_1X4 "cmp    r1, r10             \n"
            "bne    2b                  \n"
            "3:                         \n"
            "ldr    r8, [sp]            \n"
            "cmp    r8, #0              \n"
            "beq    5f                  \n"
            "4:                         \n"
            "ldrsb  r9, [r0], #1        \n"
            "ldrsb  r11, [r1, r2]       \n"
            "mla    r5, r9, r11, r5     \n"
            "ldrsb  r11, [r1, r2, lsl #1] \n"
            "mla    r6, r9, r11, r6     \n"
            "ldrsb  r11, [r1, r3]       \n"
            "mla    r7, r9, r11, r7     \n"
            "ldrsb  r11, [r1], #1       \n"
            "mla    r4, r9, r11, r4     \n"
            "subs   r8, r8, #1          \n"
            "bne    4b                  \n"
            "5:                         \n"
            "ldrd   r8, r9, [sp, #8]    \n"
            "cmp    r8, r9              \n"
            "bne    1b                  \n"
            "ldr    r8, [sp, #4]        \n"
            "stm    r8, {r1, r2, r4-r7} \n"
            "add    sp, sp, #16         \n"
            "pop    {r4-r11, pc}        \n");
}

#endif
