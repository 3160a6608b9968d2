/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_PACKED_DEPTHWISE_ROWS_H
#define SAPMCU_PACKED_DEPTHWISE_ROWS_H

/* Four channels of an image, from top to bottom. A step widens two rows of the image beside the two before
 * them, 12 instructions a column; then 99 instructions are 72 products and eight results of a pixel in two
 * rows, or 61 for 36 and four in one. In assembly: it takes all 14 registers. */

#include "sapmcu/packed_depthwise_conv2d.h"

/* gcc must not conclude from an empty body which registers stay as they are. */
#if defined(__clang__)
#define SAPMCU_DEPTHWISE_ROWS_ASSEMBLY __attribute__((naked, noinline))
#else
#define SAPMCU_DEPTHWISE_ROWS_ASSEMBLY __attribute__((naked, noinline, noipa))
#endif

/* The assembly knows the order. A column has 8 words, numbers by 256: rows 0 and 1 of channels 0 and 1, rows
 * 2 and 3 of these, the same of channels 2 and 3. */
typedef struct {
    uint32_t channels, in_rows, in_row_bytes;
    const int8_t *x; /* of these channels, and what stands for a row outside */
    const int8_t *outside;
    int32_t row;            /* the next to widen; the next but one is widened with it */
    uint32_t last_bytes;    /* from a row's first column to the last one that is needed */
    int32_t *inside_end;    /* behind that column */
    const int32_t *columns; /* of the first window */
    const int32_t *filter;
    int8_t *y;
    const int8_t *y_end;
    uint32_t y_row_bytes, y_step;
    uint32_t window_bytes; /* from half a column to the next window */
    uint32_t rest_bytes;   /* from y_end to y of the next row */
    uint32_t left;         /* rows of the result */
    uint32_t rows;         /* of the result in the next step at the most; 0: it widens alone */
    uint32_t most_rows;    /* in all others, 1 or 2 */
} sapmcu_packed_depthwise_rows;

/* clang-format off */
/* Macros of the assembler. r4, r6: sums of channels 0 and 1 of the upper row, r5, r7 of the lower one; r0, r1:
 * rows 0 and 1 of x, r2, r3: 2 and 3; r8, r9: rows 0 and 1 of the filters, r10, r11: 1 and 2.
 * sapmcu_two: two channels of two rows, packed results in r4 and r5; sapmcu_one: of one row. */
#define SAPMCU_ROWS_MACROS                                   \
    ".macro sapmcu_pointer to\n"                             \
    "cmp    r6, r2\n"                                        \
    "ite    lo\n"                                            \
    "mlalo  \\to, r6, r3, r4\n"                              \
    "movhs  \\to, r5\n"                                      \
    "add    r6, r6, #1\n"                                    \
    ".endm\n"                                                \
    ".macro sapmcu_column at, behind\n"                      \
    "ldrd   r0, r1, [lr, #\\at]\n"                           \
    "ldrd   r2, r3, [lr, #\\behind]\n"                       \
    "ldm    r12!, {r8-r11}\n"                                \
    ".endm\n"                                                \
    ".macro sapmcu_lower a, b\n"                             \
    "smlatb r5, r0, r8, \\a\n"                               \
    "smlatb r7, r1, r9, \\b\n"                               \
    "smlad  r5, r2, r10, r5\n"                               \
    "smlad  r7, r3, r11, r7\n"                               \
    ".endm\n"                                                \
    ".macro sapmcu_upper\n"                                  \
    "smlad  r4, r0, r8, r4\n"                                \
    "smlad  r6, r1, r9, r6\n"                                \
    "smlabt r4, r2, r10, r4\n"                               \
    "smlabt r6, r3, r11, r6\n"                               \
    ".endm\n"                                                \
    ".macro sapmcu_two\n"                                    \
    "ldm    r12!, {r4, r6, r8-r11}\n"                        \
    "ldm    lr, {r0-r3}\n"                                   \
    "sapmcu_lower r4, r6\n"                                  \
    "sapmcu_upper\n"                                         \
    "sapmcu_column 32, 40\n"                                 \
    "sapmcu_lower r5, r7\n"                                  \
    "sapmcu_upper\n"                                         \
    "sapmcu_column 64, 72\n"                                 \
    "sapmcu_lower r5, r7\n"                                  \
    "sapmcu_upper\n"                                         \
    "ldm    r12!, {r0-r3}\n"                                 \
    "smmla  r4, r4, r0, r1\n"                                \
    "smmla  r5, r5, r0, r1\n"                                \
    "smmla  r6, r6, r2, r3\n"                                \
    "smmla  r7, r7, r2, r3\n"                                \
    "ssat   r4, #8, r4, asr #12\n"                           \
    "ssat   r5, #8, r5, asr #12\n"                           \
    "ssat   r6, #8, r6, asr #12\n"                           \
    "ssat   r7, #8, r7, asr #12\n"                           \
    "bfi    r4, r6, #8, #8\n"                                \
    "bfi    r5, r7, #8, #8\n"                                \
    ".endm\n"                                                \
    ".macro sapmcu_one to\n"                                 \
    "ldm    r12!, {r4, r6, r8-r11}\n"                        \
    "ldm    lr, {r0-r3}\n"                                   \
    "sapmcu_upper\n"                                         \
    "sapmcu_column 32, 40\n"                                 \
    "sapmcu_upper\n"                                         \
    "sapmcu_column 64, 72\n"                                 \
    "sapmcu_upper\n"                                         \
    "ldm    r12!, {r0-r3}\n"                                 \
    "smmla  r4, r4, r0, r1\n"                                \
    "smmla  r6, r6, r2, r3\n"                                \
    "ssat   \\to, #8, r4, asr #12\n"                         \
    "ssat   r6, #8, r6, asr #12\n"                           \
    "bfi    \\to, r6, #8, #8\n"                              \
    ".endm\n"

/* Takes 68 bytes of stack. sp: two words for results, y to window_bytes, the state. */
SAPMCU_DEPTHWISE_ROWS_ASSEMBLY static void
sapmcu_compute_depthwise_rows(__attribute__((unused)) sapmcu_packed_depthwise_rows *state) {
    __asm__(
        ".syntax unified\n"
        SAPMCU_ROWS_MACROS
        "push   {r0, r4-r11, lr}\n"
        "add    r1, r0, #40\n"
        "ldm    r1, {r3-r7}\n"
        "push   {r1-r7}\n"
        "1:\n"
        "ldm    r0, {r1-r6, r11, lr}\n"
        "sapmcu_pointer r10\n"
        "sapmcu_pointer r12\n"
        "str    r6, [r0, #20]\n"
        "mov    r0, #0xff00ff00\n"
        /* from the last column on; rows 2 and 3 become rows 0 and 1 */
        "2:\n"
        "ldmdb  lr, {r2-r7}\n"
        "ldr    r8, [r10, r11]\n"
        "ldr    r9, [r12, r11]\n"
        "pkhbt  r4, r8, r9, lsl #16\n"
        "and    r5, r4, #0xff00ff00\n"
        "and    r4, r0, r4, lsl #8\n"
        "pkhtb  r8, r9, r8, asr #16\n"
        "and    r9, r8, #0xff00ff00\n"
        "and    r8, r0, r8, lsl #8\n"
        "stmdb  lr!, {r2-r9}\n"
        "subs   r11, r11, r1\n"
        "bpl    2b\n"
        /* as many rows of the result as are left, 2 at the most */
        "ldr    r0, [sp, #28]\n"
        "ldrd   lr, r12, [r0, #32]\n"
        "ldrd   r1, r2, [r0, #64]\n"
        "cmp    r2, #1\n"
        "bls    4f\n"
        "subs   r1, r1, #2\n"
        "blo    8f\n"
        "str    r1, [r0, #64]\n"
        "3:\n"
        "sapmcu_two\n"
        "strd   r4, r5, [sp]\n"
        "add    lr, lr, #16\n"
        "sapmcu_two\n"
        "ldm    sp, {r0-r3, r8-r10}\n"
        "pkhbt  r4, r0, r4, lsl #16\n"
        "pkhbt  r5, r1, r5, lsl #16\n"
        "str    r4, [r2]\n"
        "str    r5, [r2, r8]\n"
        "add    r2, r2, r9\n"
        "str    r2, [sp, #8]\n"
        "add    lr, lr, r10\n"
        "sub    r12, r12, #144\n"
        "cmp    r2, r3\n"
        "bne    3b\n"
        "add    r7, r2, r8\n"
        "b      5f\n"
        "8:\n"
        "movs   r1, #1\n"
        "4:\n"
        "cbnz   r2, 6f\n"
        "ldr    r2, [r0, #72]\n"
        "str    r2, [r0, #68]\n"
        "b      1b\n"
        "6:\n"
        "sub    r1, r1, #1\n"
        "str    r1, [r0, #64]\n"
        "ldr    r7, [sp, #8]\n"
        "7:\n"
        "sapmcu_one r5\n"
        "add    lr, lr, #16\n"
        "sapmcu_one r4\n"
        "ldm    sp, {r0-r3, r8-r10}\n"
        "pkhbt  r4, r5, r4, lsl #16\n"
        "str    r4, [r7]\n"
        "add    r7, r7, r9\n"
        "add    lr, lr, r10\n"
        "sub    r12, r12, #144\n"
        "cmp    r7, r3\n"
        "bne    7b\n"
        "5:\n"
        "ldr    r0, [sp, #28]\n"
        "ldrd   r2, r1, [r0, #60]\n"
        "add    r8, r7, r8\n"
        "add    r7, r7, r2\n"
        "strd   r7, r8, [sp, #8]\n"
        "cmp    r1, #0\n"
        "bne    1b\n"
        "add    sp, sp, #32\n"
        "pop    {r4-r11, pc}\n"
        ".purgem sapmcu_pointer\n"
        ".purgem sapmcu_column\n"
        ".purgem sapmcu_lower\n"
        ".purgem sapmcu_upper\n"
        ".purgem sapmcu_two\n"
        ".purgem sapmcu_one\n");
}
/* clang-format on */

#endif
