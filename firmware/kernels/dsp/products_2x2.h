/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_PRODUCTS_2X2_H
#define SAPMCU_PRODUCTS_2X2_H

/* The inner loop of a convolution: two pixels times two filters, four numbers at a time, 20 instructions for
 * 16 products. In assembly: it takes all 14 registers, and compilers spill sums. */

#include <stdint.h>

/* Numbers that lie together in both pixels' windows, and behind each other in the filters. */
typedef struct {
    const int8_t *x[2];
    uint32_t count; /* 1 or more */
} sapmcu_span_2x2;

/* The assembly knows the order. */
typedef struct {
    const int8_t *filter[2]; /* moved on to what follows the spans */
    int32_t sum[2][2];       /* [pixel][filter] */
    const sapmcu_span_2x2 *spans, *spans_end;
} sapmcu_products_2x2;

/* gcc must not conclude from an empty body which registers stay as they are. */
#if defined(__clang__)
#define SAPMCU_ASSEMBLY __attribute__((naked, noinline))
#else
#define SAPMCU_ASSEMBLY __attribute__((naked, noinline, noipa))
#endif

/* r0, r1: x; r2, r3: filters; r4..r7: sums; r8..r12, lr: four numbers as lanes of odd and even ones. */
#define SAPMCU_STEP_2X2                                                                                      \
    "ldr    r8, [r0], #4         \n"                                                                         \
    "ldr    r9, [r1], #4         \n"                                                                         \
    "ldr    r12, [r2], #4        \n"                                                                         \
    "sxtb16 r10, r8, ror #8      \n"                                                                         \
    "sxtb16 r11, r9, ror #8      \n"                                                                         \
    "sxtb16 lr, r12, ror #8      \n"                                                                         \
    "sxtb16 r8, r8               \n"                                                                         \
    "sxtb16 r9, r9               \n"                                                                         \
    "sxtb16 r12, r12             \n"                                                                         \
    "smlad  r4, r10, lr, r4      \n"                                                                         \
    "smlad  r6, r11, lr, r6      \n"                                                                         \
    "smlad  r4, r8, r12, r4      \n"                                                                         \
    "smlad  r6, r9, r12, r6      \n"                                                                         \
    "ldr    r12, [r3], #4        \n"                                                                         \
    "sxtb16 lr, r12, ror #8      \n"                                                                         \
    "sxtb16 r12, r12             \n"                                                                         \
    "smlad  r5, r10, lr, r5      \n"                                                                         \
    "smlad  r7, r11, lr, r7      \n"                                                                         \
    "smlad  r5, r8, r12, r5      \n"                                                                         \
    "smlad  r7, r9, r12, r7      \n"

/* Add the products of all spans, one or more. Takes 56 bytes of stack.
 * sp: end of the span's fours in filter[0], numbers behind them, state, next span, spans_end. */
SAPMCU_ASSEMBLY static void sapmcu_add_products_2x2(__attribute__((unused)) sapmcu_products_2x2 *state) {
    __asm__(".syntax unified            \n"
            "push   {r4-r11, lr}        \n"
            "ldrd   r10, r11, [r0, #24] \n"
            "push   {r0, r10, r11}      \n"
            "sub    sp, sp, #8          \n"
            "ldm    r0, {r2-r7}         \n"
            "1:                         \n"
            "ldr    r8, [sp, #12]       \n"
            "ldm    r8!, {r0, r1, r9}   \n"
            "str    r8, [sp, #12]       \n"
            "and    r10, r9, #3         \n"
            "bic    r9, r9, #3          \n"
            "add    r11, r2, r9         \n"
            "strd   r11, r10, [sp]      \n"
            "cmp    r9, #0              \n"
            "beq    3f                  \n"
            "tst    r9, #4              \n"
            "bne    6f                  \n"
            "2:                         \n" SAPMCU_STEP_2X2 "6:                         \n" SAPMCU_STEP_2X2
            "ldr    r8, [sp]            \n"
            "cmp    r2, r8              \n"
            "bne    2b                  \n"
            "3:                         \n"
            "ldr    r8, [sp, #4]        \n"
            "cmp    r8, #0              \n"
            "beq    5f                  \n"
            "4:                         \n"
            "ldrsb  r9, [r0], #1        \n"
            "ldrsb  r10, [r1], #1       \n"
            "ldrsb  r11, [r2], #1       \n"
            "ldrsb  r12, [r3], #1       \n"
            "mla    r4, r9, r11, r4     \n"
            "mla    r6, r10, r11, r6    \n"
            "mla    r5, r9, r12, r5     \n"
            "mla    r7, r10, r12, r7    \n"
            "subs   r8, r8, #1          \n"
            "bne    4b                  \n"
            "5:                         \n"
            "ldrd   r8, r9, [sp, #12]   \n"
            "cmp    r8, r9              \n"
            "bne    1b                  \n"
            "ldr    r8, [sp, #8]        \n"
            "stm    r8, {r2-r7}         \n"
            "add    sp, sp, #20         \n"
            "pop    {r4-r11, pc}        \n");
}

#endif
