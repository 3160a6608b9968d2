/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_WINOGRAD_ROW_H
#define SAPMCU_WINOGRAD_ROW_H

/* A tile of a row, transformed, times all filters, four channels at a time: 21 instructions for 32 products.
 * In assembly: products take all 14 registers, as in wide_products.h. What is transformed lies in six planes,
 * B^T d at column j = 1, 2, 3, 4, 0, 5, each of three rows; of every four channels the words (0, 2) and
 * (1, 3). */

#include "tile_slots.h"

/* The assembly knows the order. */
typedef struct {
    const int32_t *x;
    uint32_t plane_bytes;
    uint32_t skipped_bytes; /* of the first round of steps */
    int8_t *y;              /* the first column */
    const int8_t *y_end;    /* behind the channels of that pixel */
    uint32_t pixel_bytes;   /* of y */
    uint32_t shift;
    const int32_t *filter; /* of winograd_conv2d.h */
} sapmcu_row_products;

/* Steps of eight numbers. */
enum { SAPMCU_ROW_ROUND = 6, SAPMCU_ROW_STEP_BYTES = 84 };

/* r4..r9: words of six columns become lanes 0 and 2, or 1 and 3, of B^T d: planes 0 to 2 from r1 on, 3 to 5
 * from lr on, r2 bytes apart. */
#define SAPMCU_ROW_PLANES(ROTATION)                                                                          \
    "sxtb16 r4, r4" ROTATION "   \n"                                                                         \
    "sxtb16 r5, r5" ROTATION "   \n"                                                                         \
    "sxtb16 r6, r6" ROTATION "   \n"                                                                         \
    "sxtb16 r7, r7" ROTATION "   \n"                                                                         \
    "sxtb16 r8, r8" ROTATION "   \n"                                                                         \
    "sxtb16 r9, r9" ROTATION "   \n"                                                                         \
    "ssub16 r10, r8, r6          \n" /* d4 - d2 */                                                           \
    "ssub16 r11, r7, r5          \n" /* d3 - d1 */                                                           \
    "ssub16 r4, r4, r6           \n"                                                                         \
    "ssub16 r9, r9, r7           \n"                                                                         \
    "sadd16 r6, r6, r6           \n"                                                                         \
    "sadd16 r6, r6, r6           \n"                                                                         \
    "ssub16 r8, r8, r6           \n" /* d4 - 4 d2 */                                                         \
    "sadd16 r5, r5, r5           \n"                                                                         \
    "sadd16 r5, r5, r5           \n"                                                                         \
    "ssub16 r7, r7, r5           \n" /* d3 - 4 d1 */                                                         \
    "sadd16 r12, r8, r7          \n"                                                                         \
    "str    r12, [r1]            \n"                                                                         \
    "ssub16 r12, r8, r7          \n"                                                                         \
    "str    r12, [r1, r2]        \n"                                                                         \
    "sadd16 r11, r11, r11        \n"                                                                         \
    "sadd16 r12, r10, r11        \n"                                                                         \
    "str    r12, [r1, r2, lsl #1]\n"                                                                         \
    "ssub16 r12, r10, r11        \n"                                                                         \
    "str    r12, [lr]            \n"                                                                         \
    "sadd16 r4, r4, r4           \n"                                                                         \
    "sadd16 r4, r4, r4           \n"                                                                         \
    "sadd16 r4, r4, r10          \n" /* 4 (d0 - d2) + d4 - d2 */                                             \
    "str    r4, [lr, r2]         \n"                                                                         \
    "sadd16 r11, r11, r11        \n"                                                                         \
    "ssub16 r9, r9, r11          \n" /* d5 - d3 - 4 (d3 - d1) */                                             \
    "str    r9, [lr, r2, lsl #1] \n"                                                                         \
    "adds   r1, r1, #4           \n"                                                                         \
    "add    lr, lr, #4           \n"

/* columns: [3][6], row by row. to: the first plane. Takes 100 bytes of stack. sp: columns of the row, their
 * words, channels, columns of the next row, and behind all. */
SAPMCU_PACKED_ASSEMBLY static void sapmcu_transform_row_tile(__attribute__((unused))
                                                             const int8_t *const *columns,
                                                             __attribute__((unused)) int32_t *to,
                                                             __attribute__((unused)) uint32_t plane_bytes,
                                                             __attribute__((unused)) uint32_t channels) {
    __asm__(".syntax unified             \n"
            "push   {r4-r11, lr}         \n"
            "sub    sp, sp, #60          \n"
            "add    r4, r0, #72          \n"
            "str    r3, [sp, #48]        \n"
            "str    r4, [sp, #56]        \n"
            "add    lr, r1, r2           \n"
            "add    lr, lr, r2, lsl #1   \n"
            "1:                          \n"
            "ldm    r0!, {r4-r9}         \n"
            "stm    sp, {r4-r9}          \n"
            "str    r0, [sp, #52]        \n"
            "movs   r0, #0               \n"
            "2:                          \n"
            "ldm    sp, {r4-r9}          \n"
            "ldr    r4, [r4, r0]         \n"
            "ldr    r5, [r5, r0]         \n"
            "ldr    r6, [r6, r0]         \n"
            "ldr    r7, [r7, r0]         \n"
            "ldr    r8, [r8, r0]         \n"
            "ldr    r9, [r9, r0]         \n"
            "add    r3, sp, #24          \n"
            "stm    r3, {r4-r9}          \n" SAPMCU_ROW_PLANES("")         //
            "ldm    r3, {r4-r9}          \n" SAPMCU_ROW_PLANES(", ror #8") //
            "ldr    r3, [sp, #48]        \n"
            "adds   r0, r0, #4           \n"
            "cmp    r0, r3               \n"
            "bne    2b                   \n"
            "ldrd   r0, r3, [sp, #52]    \n"
            "cmp    r0, r3               \n"
            "bne    1b                   \n"
            "add    sp, sp, #60          \n"
            "pop    {r4-r11, pc}         \n");
}

/* lr: x; r12: filter; r4..r7: sums of four channels. */
#define SAPMCU_ROW_WORD(X)                                                                                   \
    "ldm    r12!, {r0-r3}       \n"                                                                          \
    "smlad  r4, " X ", r0, r4   \n"                                                                          \
    "smlad  r5, " X ", r1, r5   \n"                                                                          \
    "smlad  r6, " X ", r2, r6   \n"                                                                          \
    "smlad  r7, " X ", r3, r7   \n"
#define SAPMCU_ROW_STEP                                                                                      \
    "ldm    lr!, {r8-r11}       \n" SAPMCU_ROW_WORD("r8") SAPMCU_ROW_WORD("r9") SAPMCU_ROW_WORD("r10")       \
        SAPMCU_ROW_WORD("r11")

/* Add the products of the next plane to r4..r7. */
#define SAPMCU_ROW_PRODUCTS(NEXT)                                                                            \
    "ldr    r1, [sp, #12]        \n"                                                                         \
    "adr.w  r0, " NEXT "f + 1    \n"                                                                         \
    "add    r1, r1, lr           \n"                                                                         \
    "strd   r0, r1, [sp]         \n"                                                                         \
    "ldr    pc, [sp, #8]         \n" NEXT ":                   \n"

/* r8..r11 += 2^n * (A, B, C, D). */
#define SAPMCU_ROW_ADD(A, B, C, D, N)                                                                        \
    "add    r8, r8, " A ", lsl #" N "\n"                                                                     \
    "add    r9, r9, " B ", lsl #" N "\n"                                                                     \
    "add    r10, r10, " C ", lsl #" N "\n"                                                                   \
    "add    r11, r11, " D ", lsl #" N "\n"
#define SAPMCU_ROW_KEEP(OFFSET_0, OFFSET_1) SAPMCU_TILE_STORE("r8", "r9", "r10", "r11", OFFSET_0, OFFSET_1)
#define SAPMCU_ROW_KEPT(OFFSET_0, OFFSET_1) SAPMCU_TILE_LOAD("r8", "r9", "r10", "r11", OFFSET_0, OFFSET_1)

/* Of A and B, channels 0 and 1, or 2 and 3, of which the factors are in r0..r3. */
#define SAPMCU_ROW_SHORT(A, B)                                                                               \
    "smmla  " A ", " A ", r0, r1 \n"                                                                         \
    "smmla  " B ", " B ", r2, r3 \n"
#define SAPMCU_ROW_SATURATE(A) "ssat   " A ", #8, " A ", asr #12\n"

/* Of r4..r7, and the factors, offsets and negatives at r12. */
#define SAPMCU_ROW_GENERAL                                                                                   \
    "ldm    r12, {r0-r3}         \n"                                                                         \
    "ldrd   r8, r9, [r12, #32]   \n" SAPMCU_PACKED_GENERAL("r4", "r0", "r1", "r8") SAPMCU_PACKED_GENERAL(    \
        "r5", "r2", "r3", "r9") "add    r8, r12, #16         \n"                                             \
                                "ldm    r8, {r0-r3}          \n"                                             \
                                "ldrd   r8, r9, [r12, #40]   \n" SAPMCU_PACKED_GENERAL(                      \
                                    "r6", "r0", "r1", "r8") SAPMCU_PACKED_GENERAL("r7", "r2", "r3", "r9")

/* ISO C's limit for string literals is 4095. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverlength-strings"

/* Takes 160 bytes of stack. sp: where products return to, the plane's end, the first step, bytes of a plane,
 * x, y, bytes of a pixel, what requantizes, y_end, shift; at 44 a product; at 60 sums of column 0, 1, 2, 3,
 * before these are there M1 + M2 and M1 - M2. */
SAPMCU_PACKED_ASSEMBLY static void sapmcu_multiply_row_tile(__attribute__((unused))
                                                            const sapmcu_row_products *state) {
    __asm__(".syntax unified             \n"
            "push   {r4-r11, lr}         \n"
            "sub    sp, sp, #124         \n"
            "ldm    r0, {r1-r7, r12}     \n"
            "adr.w  r8, 20f + 1          \n"
            "add    r8, r8, r3           \n"
            "str    r8, [sp, #8]         \n"
            "strd   r2, r1, [sp, #12]    \n"
            "strd   r4, r6, [sp, #20]    \n"
            "adr.w  r8, 40f + 1          \n"
            "cbz    r7, 0f               \n"
            "adr.w  r8, 50f + 1          \n"
            "0:                          \n"
            "strd   r8, r5, [sp, #28]    \n"
            "str    r7, [sp, #36]        \n"
            "1:                          \n"
            "ldr    lr, [sp, #16]        \n"
            "ldm    r12!, {r4-r7}        \n"                                               //
            SAPMCU_ROW_PRODUCTS("2") SAPMCU_TILE_STORE("r4", "r5", "r6", "r7", "44", "52") //
            SAPMCU_ROW_PRODUCTS("3") SAPMCU_TILE_DIFFERENCE("44", "52")                    //
            SAPMCU_TILE_STORE("r4", "r5", "r6", "r7", "60", "68")                          //
            SAPMCU_TILE_STORE("r0", "r1", "r2", "r3", "76", "84")                          //
            "movs   r4, #0               \n"
            "movs   r5, #0               \n"
            "movs   r6, #0               \n"
            "movs   r7, #0               \n"                                               //
            SAPMCU_ROW_PRODUCTS("4") SAPMCU_TILE_STORE("r4", "r5", "r6", "r7", "44", "52") //
            SAPMCU_ROW_PRODUCTS("5") SAPMCU_TILE_DIFFERENCE("44", "52")                    //
            SAPMCU_ROW_KEPT("76", "84") SAPMCU_ROW_ADD("r0", "r1", "r2", "r3", "3")        //
            SAPMCU_ROW_KEEP("108", "116")                                                  //
            SAPMCU_ROW_KEPT("76", "84") SAPMCU_ROW_ADD("r0", "r1", "r2", "r3", "1")        //
            SAPMCU_ROW_KEEP("76", "84")                                                    //
            SAPMCU_ROW_KEPT("60", "68") SAPMCU_ROW_ADD("r4", "r5", "r6", "r7", "2")        //
            SAPMCU_ROW_KEEP("92", "100")                                                   //
            SAPMCU_ROW_KEPT("60", "68")                                                    //
            "add    r4, r4, r8           \n"
            "add    r5, r5, r9           \n"
            "add    r6, r6, r10          \n"
            "add    r7, r7, r11          \n"                                                 //
            SAPMCU_ROW_PRODUCTS("6") SAPMCU_TILE_STORE("r4", "r5", "r6", "r7", "60", "68")   //
            SAPMCU_TILE_LOAD("r4", "r5", "r6", "r7", "108", "116")                           //
            SAPMCU_ROW_PRODUCTS("7") SAPMCU_TILE_STORE("r4", "r5", "r6", "r7", "108", "116") //
            "add    lr, sp, #60          \n"
            "ldr    pc, [sp, #28]        \n"
            ".p2align 2                  \n"
            "20:                         \n"
            ".rept 6                     \n" SAPMCU_ROW_STEP ".endr                      \n"
            "ldr    r0, [sp, #4]         \n"
            "cmp    lr, r0               \n"
            "bne    20b                  \n"
            "ldr    pc, [sp]             \n"
            ".p2align 2                  \n"
            "40:                         \n"
            "ldm    lr!, {r4-r11}        \n" /* two columns */
            "ldm    r12!, {r0-r3}        \n" SAPMCU_ROW_SHORT("r4", "r5") SAPMCU_ROW_SHORT("r8", "r9")   //
            "ldm    r12!, {r0-r3}        \n" SAPMCU_ROW_SHORT("r6", "r7") SAPMCU_ROW_SHORT("r10", "r11") //
            SAPMCU_ROW_SATURATE("r4") SAPMCU_ROW_SATURATE("r5") SAPMCU_ROW_SATURATE("r6")                //
            SAPMCU_ROW_SATURATE("r7") SAPMCU_ROW_SATURATE("r8") SAPMCU_ROW_SATURATE("r9")                //
            SAPMCU_ROW_SATURATE("r10") SAPMCU_ROW_SATURATE("r11")                                        //
            "bfi    r4, r5, #8, #8       \n"
            "bfi    r4, r6, #16, #8      \n"
            "bfi    r4, r7, #24, #8      \n"
            "bfi    r8, r9, #8, #8       \n"
            "bfi    r8, r10, #16, #8     \n"
            "bfi    r8, r11, #24, #8     \n"
            "ldrd   r0, r1, [sp, #20]    \n"
            "str    r8, [r0, r1]         \n"
            "str    r4, [r0]             \n"
            "add    r0, r0, r1, lsl #1   \n"
            "str    r0, [sp, #20]        \n"
            "sub    r12, r12, #32        \n"
            "add    r2, sp, #124         \n"
            "cmp    lr, r2               \n"
            "bne    40b                  \n"
            "add    r12, r12, #32        \n"
            "41:                         \n" /* r0, r1: behind the last column, bytes of a pixel */
            "ldr    r2, [sp, #32]        \n"
            "sub    r0, r0, r1, lsl #2   \n"
            "adds   r0, r0, #4           \n"
            "str    r0, [sp, #20]        \n"
            "cmp    r0, r2               \n"
            "bne.w  1b                   \n"
            "add    sp, sp, #124         \n"
            "pop    {r4-r11, pc}         \n"
            ".p2align 2                  \n"
            "50:                         \n"
            "ldm    lr!, {r4-r7}         \n"                    /* a column */
            "ldr    r10, [sp, #36]       \n" SAPMCU_ROW_GENERAL //
            "bfi    r4, r5, #8, #8       \n"
            "bfi    r4, r6, #16, #8      \n"
            "bfi    r4, r7, #24, #8      \n"
            "ldrd   r0, r1, [sp, #20]    \n"
            "str    r4, [r0]             \n"
            "add    r0, r0, r1           \n"
            "str    r0, [sp, #20]        \n"
            "add    r2, sp, #124         \n"
            "cmp    lr, r2               \n"
            "bne    50b                  \n"
            "add    r12, r12, #48        \n"
            "b      41b                  \n");
}

#pragma GCC diagnostic pop

#endif
