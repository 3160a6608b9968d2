/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_WINOGRAD_ROW_H
#define SAPMCU_WINOGRAD_ROW_H

/* A tile of a row, transformed, times all filters, four channels at a time: 21 instructions for 32 products.
 * In assembly: products take all 14 registers, as in wide_products.h. What is transformed lies in four
 * planes, B^T d at column j = 1, 2, 0, 3, each of three rows; of every four channels the words (0, 2) and (1,
 * 3). */

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

/* columns: [3][4], row by row. to: the first plane. Takes 64 bytes of stack. sp: columns of the row,
 * channels, columns of the next row, and behind all. */
SAPMCU_PACKED_ASSEMBLY static void sapmcu_transform_row_tile(__attribute__((unused))
                                                             const int8_t *const *columns,
                                                             __attribute__((unused)) int32_t *to,
                                                             __attribute__((unused)) uint32_t plane_bytes,
                                                             __attribute__((unused)) uint32_t channels) {
    __asm__(".syntax unified             \n"
            "push   {r4-r11, lr}         \n"
            "sub    sp, sp, #28          \n"
            "add    r4, r0, #48          \n"
            "str    r3, [sp, #16]        \n"
            "str    r4, [sp, #24]        \n"
            "1:                          \n"
            "ldm    r0!, {r4-r7}         \n"
            "stm    sp, {r4-r7}          \n"
            "str    r0, [sp, #20]        \n"
            "movs   r0, #0               \n"
            "2:                          \n"
            "ldm    sp, {r4-r7}          \n"
            "ldr    r4, [r4, r0]         \n"
            "ldr    r5, [r5, r0]         \n"
            "ldr    r6, [r6, r0]         \n"
            "ldr    r7, [r7, r0]         \n"
            "adds   r0, r0, #4           \n"
            "sxtb16 r8, r4               \n"
            "sxtb16 r9, r5               \n"
            "sxtb16 r10, r6              \n"
            "sxtb16 r11, r7              \n"
            "sxtb16 r4, r4, ror #8       \n"
            "sxtb16 r5, r5, ror #8       \n"
            "sxtb16 r6, r6, ror #8       \n"
            "sxtb16 r7, r7, ror #8       \n"
            "sadd16 r12, r9, r10         \n"
            "sadd16 lr, r5, r6           \n"
            "strd   r12, lr, [r1]        \n"
            "add    r3, r1, r2           \n"
            "ssub16 r12, r10, r9         \n"
            "ssub16 lr, r6, r5           \n"
            "strd   r12, lr, [r3]        \n"
            "add    r3, r3, r2           \n"
            "ssub16 r12, r8, r10         \n"
            "ssub16 lr, r4, r6           \n"
            "strd   r12, lr, [r3]        \n"
            "add    r3, r3, r2           \n"
            "ssub16 r12, r11, r9         \n"
            "ssub16 lr, r7, r5           \n"
            "strd   r12, lr, [r3]        \n"
            "ldr    r3, [sp, #16]        \n"
            "adds   r1, r1, #8           \n"
            "cmp    r0, r3               \n"
            "bne    2b                   \n"
            "ldrd   r0, r3, [sp, #20]    \n"
            "cmp    r0, r3               \n"
            "bne    1b                   \n"
            "add    sp, sp, #28          \n"
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

/* Of r4..r7, and the factors, offsets and negatives at r12. */
#define SAPMCU_ROW_GENERAL                                                                                   \
    "ldm    r12, {r0-r3}         \n"                                                                         \
    "ldrd   r8, r9, [r12, #32]   \n" SAPMCU_PACKED_GENERAL("r4", "r0", "r1", "r8") SAPMCU_PACKED_GENERAL(    \
        "r5", "r2", "r3", "r9") "add    lr, r12, #16         \n"                                             \
                                "ldm    lr, {r0-r3}          \n"                                             \
                                "ldrd   r8, r9, [r12, #40]   \n" SAPMCU_PACKED_GENERAL(                      \
                                    "r6", "r0", "r1", "r8") SAPMCU_PACKED_GENERAL("r7", "r2", "r3", "r9")

/* ISO C's limit for string literals is 4095. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverlength-strings"

/* Takes 112 bytes of stack. sp: where products return to, the plane's end, the first step, bytes of a plane,
 * x, y, y_end, bytes of a pixel, what requantizes, shift; at 40 M1, then M1 - M2; at 56 sums of column 0. */
SAPMCU_PACKED_ASSEMBLY static void sapmcu_multiply_row_tile(__attribute__((unused))
                                                            const sapmcu_row_products *state) {
    __asm__(".syntax unified             \n"
            "push   {r4-r11, lr}         \n"
            "sub    sp, sp, #76          \n"
            "ldm    r0, {r1-r7, r12}     \n"
            "adr.w  r8, 20f + 1          \n"
            "add    r8, r8, r3           \n"
            "str    r8, [sp, #8]         \n"
            "strd   r2, r1, [sp, #12]    \n"
            "strd   r4, r5, [sp, #20]    \n"
            "adr.w  r8, 40f + 1          \n"
            "cbz    r7, 0f               \n"
            "adr.w  r8, 50f + 1          \n"
            "0:                          \n"
            "strd   r6, r8, [sp, #28]    \n"
            "str    r7, [sp, #36]        \n"
            "1:                          \n"
            "ldr    lr, [sp, #16]        \n"
            "ldm    r12!, {r4-r7}        \n"                                               //
            SAPMCU_ROW_PRODUCTS("2") SAPMCU_TILE_STORE("r4", "r5", "r6", "r7", "40", "48") //
            SAPMCU_ROW_PRODUCTS("3") SAPMCU_TILE_DIFFERENCE("40", "48")                    //
            SAPMCU_TILE_STORE("r0", "r1", "r2", "r3", "40", "48")                          //
            SAPMCU_ROW_PRODUCTS("4") SAPMCU_TILE_STORE("r4", "r5", "r6", "r7", "56", "64") //
            SAPMCU_TILE_LOAD("r4", "r5", "r6", "r7", "40", "48")                           //
            SAPMCU_ROW_PRODUCTS("5")                                                       //
            "ldr    pc, [sp, #32]        \n"
            ".p2align 2                  \n"
            "20:                         \n"
            ".rept 6                     \n" SAPMCU_ROW_STEP ".endr                      \n"
            "ldr    r0, [sp, #4]         \n"
            "cmp    lr, r0               \n"
            "bne    20b                  \n"
            "ldr    pc, [sp]             \n"
            ".p2align 2                  \n"
            "40:                         \n" SAPMCU_TILE_LOAD("r8", "r9", "r10", "r11", "56", "64") //
            "ldm    r12!, {r0-r3}        \n"
            "smmla  r4, r4, r0, r1       \n"
            "smmla  r8, r8, r0, r1       \n"
            "smmla  r5, r5, r2, r3       \n"
            "smmla  r9, r9, r2, r3       \n"
            "ldm    r12!, {r0-r3}        \n"
            "smmla  r6, r6, r0, r1       \n"
            "smmla  r10, r10, r0, r1     \n"
            "smmla  r7, r7, r2, r3       \n"
            "smmla  r11, r11, r2, r3     \n"
            "ssat   r4, #8, r4, asr #12  \n"
            "ssat   r5, #8, r5, asr #12  \n"
            "ssat   r6, #8, r6, asr #12  \n"
            "ssat   r7, #8, r7, asr #12  \n"
            "ssat   r8, #8, r8, asr #12  \n"
            "ssat   r9, #8, r9, asr #12  \n"
            "ssat   r10, #8, r10, asr #12\n"
            "ssat   r11, #8, r11, asr #12\n"
            "41:                         \n"
            "bfi    r8, r9, #8, #8       \n"
            "bfi    r8, r10, #16, #8     \n"
            "bfi    r8, r11, #24, #8     \n"
            "bfi    r4, r5, #8, #8       \n"
            "bfi    r4, r6, #16, #8      \n"
            "bfi    r4, r7, #24, #8      \n"
            "ldrd   r0, r1, [sp, #20]    \n"
            "ldr    r2, [sp, #28]        \n"
            "str    r4, [r0, r2]         \n"
            "str    r8, [r0], #4         \n"
            "str    r0, [sp, #20]        \n"
            "cmp    r0, r1               \n"
            "bne.w  1b                   \n"
            "add    sp, sp, #76          \n"
            "pop    {r4-r11, pc}         \n"
            ".p2align 2                  \n"
            "50:                         \n"
            "ldr    r10, [sp, #36]       \n" SAPMCU_ROW_GENERAL       //
                SAPMCU_TILE_STORE("r4", "r5", "r6", "r7", "40", "48") //
            SAPMCU_TILE_LOAD("r4", "r5", "r6", "r7", "56", "64")      //
            SAPMCU_ROW_GENERAL                                        //
            "add    r12, r12, #48        \n"
            "mov    r8, r4               \n"
            "mov    r9, r5               \n"
            "mov    r10, r6              \n"
            "mov    r11, r7              \n" SAPMCU_TILE_LOAD("r4", "r5", "r6", "r7", "40", "48") //
            "b      41b                  \n");
}

#pragma GCC diagnostic pop

#endif
