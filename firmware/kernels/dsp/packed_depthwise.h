/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_PACKED_DEPTHWISE_H
#define SAPMCU_PACKED_DEPTHWISE_H

/* Four channels of some pixels of a row: each column of the windows is widened once, with rows 0 and 1 of a
 * channel in one word for SMLAD (15 instructions), then 55 instructions for 36 products and four results. In
 * assembly: it takes all 14 registers. */

#include "sapmcu/packed_depthwise_conv2d.h"

#if defined(__clang__)
#define SAPMCU_DEPTHWISE_ASSEMBLY __attribute__((naked, noinline))
#else
#define SAPMCU_DEPTHWISE_ASSEMBLY __attribute__((naked, noinline, noipa))
#endif

/* Words of a widened column. */
#define SAPMCU_COLUMN_WORDS 6

/* The assembly knows the order. */
typedef struct {
    int8_t *y;           /* of the first pixel */
    uint32_t y_step;     /* from pixel to pixel, and from column to column of x */
    uint32_t back_bytes; /* from behind a window's columns to the first of the next */
    const int8_t *y_end;
    const int32_t *filter;
    const int32_t *columns;        /* of the first window */
    const int8_t *x;               /* of the first row, at the first column inside the image */
    int32_t second_row, third_row; /* bytes from the first to these */
    const int8_t *x_end;           /* behind the last column inside the image */
    int32_t *inside;               /* where the columns inside the image go */
    uint32_t shift;                /* 0: SAPMCU_FRACTION_BITS */
    uint32_t fours;                /* 1 or more */
    uint32_t filter_bytes;         /* of four channels */
} sapmcu_packed_depthwise;

#define SAPMCU_DEPTHWISE_LOAD                                                                                \
    "ldm    lr!, {r0-r3}       \n"                                                                           \
    "ldm    r12!, {r8-r11}     \n"
/* Two rows of a channel. */
#define SAPMCU_DEPTHWISE_PAIR(SUM, X, F) "smlad " SUM ", " X ", " F ", " SUM "\n"
/* A row of two channels. */
#define SAPMCU_DEPTHWISE_ROW(A, B, X, F)                                                                     \
    "smlabb " A ", " X ", " F ", " A "\n"                                                                    \
    "smlatt " B ", " X ", " F ", " B "\n"

#define SAPMCU_DEPTHWISE_GENERAL(SUM, FACTOR, OFFSET)                                                        \
    "ldr    lr, [r12], #4                      \n"                                                           \
    "and    lr, lr, " SUM ", asr #31           \n"                                                           \
    "add    " OFFSET ", " OFFSET ", lr         \n"                                                           \
    "smmla  " SUM ", " SUM ", " FACTOR ", " OFFSET "\n"

/* Takes 108 bytes of stack. sp: the state; at 56 what requantizes, y of the first pixel, a place for lr. */
SAPMCU_DEPTHWISE_ASSEMBLY static void sapmcu_compute_depthwise(__attribute__((unused))
                                                               const sapmcu_packed_depthwise *state) {
    __asm__(
        ".syntax unified            \n"
        "push   {r4-r11, lr}        \n"
        "sub    sp, sp, #72         \n"
        "ldm    r0!, {r1-r7}        \n"
        "stm    sp, {r1-r7}         \n"
        "ldm    r0, {r2-r8}         \n"
        "add    r9, sp, #28         \n"
        "stm    r9, {r2-r8}         \n"
        "adr    r8, 4f              \n"
        "cbz    r6, 1f              \n"
        "adr    r8, 5f              \n"
        "1:                         \n"
        "orr    r8, r8, #1          \n"
        "str    r8, [sp, #56]       \n"
        "str    r1, [sp, #60]       \n"
        /* widen the columns inside */
        "2:                         \n"
        "add    r8, sp, #24         \n"
        "ldm    r8, {r0-r3, lr}     \n"
        "ldr    r12, [sp, #4]       \n"
        "mov    r4, #0xff00ff00     \n"
        "6:                         \n"
        "ldr    r8, [r0]            \n"
        "ldr    r9, [r0, r1]        \n"
        "ldr    r11, [r0, r2]       \n"
        "add    r0, r0, r12         \n"
        "pkhbt  r6, r8, r9, lsl #16 \n"
        "pkhtb  r8, r9, r8, asr #16 \n"
        "and    r7, r6, #0xff00ff00 \n"
        "and    r6, r4, r6, lsl #8  \n"
        "and    r9, r8, #0xff00ff00 \n"
        "and    r8, r4, r8, lsl #8  \n"
        "and    r10, r4, r11, lsl #8\n"
        "and    r11, r11, #0xff00ff00\n"
        "stm    lr!, {r6-r11}       \n"
        "cmp    r0, r3              \n"
        "bne    6b                  \n"
        "ldrd   r12, lr, [sp, #16]  \n"
        "3:                         \n"
        "ldm    r12!, {r4-r7}       \n"
        /* rows 0 and 1, then row 2 of each column */
        SAPMCU_DEPTHWISE_LOAD SAPMCU_DEPTHWISE_PAIR("r4", "r0", "r8") SAPMCU_DEPTHWISE_PAIR(
            "r5", "r1", "r9") SAPMCU_DEPTHWISE_PAIR("r6", "r2", "r10")
            SAPMCU_DEPTHWISE_PAIR("r7", "r3", "r11") SAPMCU_DEPTHWISE_LOAD SAPMCU_DEPTHWISE_ROW(
                "r4", "r6", "r0", "r8") SAPMCU_DEPTHWISE_ROW("r5", "r7", "r1",
                                                             "r9") SAPMCU_DEPTHWISE_PAIR("r4", "r2", "r10")
                SAPMCU_DEPTHWISE_PAIR("r5", "r3", "r11") SAPMCU_DEPTHWISE_LOAD SAPMCU_DEPTHWISE_PAIR(
                    "r6", "r0", "r8") SAPMCU_DEPTHWISE_PAIR("r7", "r1", "r9")
                    SAPMCU_DEPTHWISE_ROW("r4", "r6", "r2", "r10") SAPMCU_DEPTHWISE_ROW(
                        "r5", "r7", "r3", "r11") SAPMCU_DEPTHWISE_LOAD SAPMCU_DEPTHWISE_PAIR("r4", "r0", "r8")
                        SAPMCU_DEPTHWISE_PAIR("r5", "r1", "r9") SAPMCU_DEPTHWISE_PAIR("r6", "r2", "r10")
                            SAPMCU_DEPTHWISE_PAIR(
                                "r7", "r3",
                                "r11") "ldrd   r0, r1, [lr], #8    \n"
                                       "ldrd   r8, r9, [r12], #8   \n" SAPMCU_DEPTHWISE_ROW("r4", "r6", "r0",
                                                                                            "r8")
                                           SAPMCU_DEPTHWISE_ROW(
                                               "r5", "r7", "r1",
                                               "r9") "ldm    r12!, {r0-r3, r8-r11} \n"
                                                     "ldr    pc, [sp, #56]       \n"
                                                     ".p2align 2                 \n"
                                                     "4:                         \n"
                                                     "smmla  r4, r4, r0, r1      \n"
                                                     "smmla  r5, r5, r2, r3      \n"
                                                     "smmla  r6, r6, r8, r9      \n"
                                                     "smmla  r7, r7, r10, r11    \n"
                                                     "ssat   r4, #8, r4, asr #12 \n"
                                                     "ssat   r5, #8, r5, asr #12 \n"
                                                     "ssat   r6, #8, r6, asr #12 \n"
                                                     "ssat   r7, #8, r7, asr #12 \n"
                                                     "7:                         \n"
                                                     "bfi    r4, r5, #8, #8      \n"
                                                     "bfi    r6, r7, #8, #8      \n"
                                                     "pkhbt  r4, r4, r6, lsl #16 \n"
                                                     "ldm    sp, {r0-r3, r12}    \n"
                                                     "str    r4, [r0]            \n"
                                                     "add    r0, r0, r1          \n"
                                                     "sub    lr, lr, r2          \n"
                                                     "str    r0, [sp]            \n"
                                                     "cmp    r0, r3              \n"
                                                     "bne    3b                  \n"
                                                     /* on to the next four channels */
                                                     "ldr    r0, [sp, #60]       \n"
                                                     "ldr    r1, [sp, #52]       \n"
                                                     "add    r0, r0, #4          \n"
                                                     "add    r3, r3, #4          \n"
                                                     "add    r12, r12, r1        \n"
                                                     "str    r0, [sp]            \n"
                                                     "str    r0, [sp, #60]       \n"
                                                     "str    r3, [sp, #12]       \n"
                                                     "str    r12, [sp, #16]      \n"
                                                     "ldr    r0, [sp, #24]       \n"
                                                     "ldr    r1, [sp, #36]       \n"
                                                     "add    r0, r0, #4          \n"
                                                     "add    r1, r1, #4          \n"
                                                     "str    r0, [sp, #24]       \n"
                                                     "str    r1, [sp, #36]       \n"
                                                     "ldr    r0, [sp, #48]       \n"
                                                     "subs   r0, r0, #1          \n"
                                                     "str    r0, [sp, #48]       \n"
                                                     "bne    2b                  \n"
                                                     "add    sp, sp, #72         \n"
                                                     "pop    {r4-r11, pc}        \n"
                                                     ".p2align 2                 \n"
                                                     "5:                         \n"
                                                     "str    lr, [sp, #64]       \n" SAPMCU_DEPTHWISE_GENERAL(
                                                         "r4", "r0", "r1")
                                                         SAPMCU_DEPTHWISE_GENERAL("r5", "r2", "r3")
                                                             SAPMCU_DEPTHWISE_GENERAL("r6", "r8", "r9")
                                                                 SAPMCU_DEPTHWISE_GENERAL(
                                                                     "r7", "r10",
                                                                     "r11") "ldr    lr, [sp, #64]       \n"
                                                                            "ldr    r0, [sp, #44]       \n"
                                                                            "asr    r4, r4, r0          \n"
                                                                            "asr    r5, r5, r0          \n"
                                                                            "asr    r6, r6, r0          \n"
                                                                            "asr    r7, r7, r0          \n"
                                                                            "ssat   r4, #8, r4          \n"
                                                                            "ssat   r5, #8, r5          \n"
                                                                            "ssat   r6, #8, r6          \n"
                                                                            "ssat   r7, #8, r7          \n"
                                                                            "b      7b                  \n");
}

#endif
