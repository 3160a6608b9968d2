/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_WINOGRAD_TILES_H
#define SAPMCU_WINOGRAD_TILES_H

/* Two tiles side by side, transformed, times all filters. In assembly: products take all 14 registers, as in
 * wide_products.h. What is transformed lies in 16 planes, B^T d B at column j = 1, 2, 0, 3, in each at row i
 * = 1, 2, 0, 3; a plane has for every four channels the words (0, 2) of the first and the second tile, then
 * (1, 3). */

#include "tile_slots.h"

/* The assembly knows the order. rows: where the first column of the first tile is, or would be. */
typedef struct {
    const int8_t *rows[4];
    uint32_t channels;
    int32_t *to;
    uint32_t first, end; /* of six columns, those inside the image; at least one */
    uint32_t outside;    /* twice the zero point, in both lanes */
} sapmcu_tiles;

/* The assembly knows the order. */
typedef struct {
    const int32_t *x;
    int8_t *y;           /* the first column of the upper row */
    const int8_t *y_end; /* behind the channels of that pixel */
    uint32_t steps;      /* of four channels, 16 at the most */
    uint32_t shift;
    uint32_t pixel_bytes, row_bytes; /* of y */
    const int32_t *filter;           /* of winograd_conv2d.h */
} sapmcu_tile_products;

/* Of bytes 0 and 2, or 1 and 3: B^T d of a column, to rows that are 24 bytes apart. r6..r9: d. */
#define SAPMCU_TILE_COLUMN(ROTATION, OFFSET_0, OFFSET_1, OFFSET_2, OFFSET_3)                                 \
    "sxtb16 r10, r8" ROTATION "        \n"                                                                   \
    "sxtb16 r11, r6" ROTATION "        \n"                                                                   \
    "ssub16 r11, r11, r10              \n"                                                                   \
    "str    r11, [r5, #" OFFSET_0 "]   \n"                                                                   \
    "sxtb16 r11, r7" ROTATION "        \n"                                                                   \
    "ssub16 r12, r10, r11              \n"                                                                   \
    "str    r12, [r5, #" OFFSET_2 "]   \n"                                                                   \
    "sxtb16 r12, r9" ROTATION "        \n"                                                                   \
    "ssub16 r12, r12, r11              \n"                                                                   \
    "str    r12, [r5, #" OFFSET_3 "]   \n"                                                                   \
    "sadd16 r12, r11, r10              \n"                                                                   \
    "str    r12, [r5" OFFSET_1 "       \n"

/* (B^T d) B of a row of both tiles. r7..r12: six columns of B^T d; r1: bytes from a column of planes to the
 * next. */
#define SAPMCU_TILE_PLANE(OPERATION, A0, B0, A1, B1, OFFSET_0, OFFSET_1)                                     \
    OPERATION " r4, " A0 ", " B0 " \n" OPERATION " r5, " A1 ", " B1 " \n"                                    \
              "str    r4, [r6, #" OFFSET_0 "]\n"                                                             \
              "str    r5, [r6, #" OFFSET_1 "]\n"
#define SAPMCU_TILE_ROW(OFFSET_0, OFFSET_1)                                                                                                                      \
    "mov    r6, r3              \n" SAPMCU_TILE_PLANE("sadd16", "r8", "r9", "r10", "r11", OFFSET_0, OFFSET_1) "adds   r6, r6, r1          \n" SAPMCU_TILE_PLANE( \
        "ssub16", "r9", "r8", "r11", "r10", OFFSET_0,                                                                                                            \
        OFFSET_1) "adds   r6, r6, r1          \n" SAPMCU_TILE_PLANE("ssub16", "r7", "r9", "r9", "r11",                                                           \
                                                                    OFFSET_0,                                                                                    \
                                                                    OFFSET_1) "adds   r6, r6, r1          "                                                      \
                                                                              "\n" SAPMCU_TILE_PLANE(                                                            \
                                                                                  "ssub1"                                                                        \
                                                                                  "6",                                                                           \
                                                                                  "r10", "r8", "r12", "r10",                                                     \
                                                                                  OFFSET_0, OFFSET_1)

/* Takes 276 bytes of stack. sp: B^T d, of bytes 0 and 2, then 1 and 3, rows 1, 2, 0, 3, six columns each;
 * at 192 the rows, channels, to, where the first row ends; the first column inside: its offset, its place,
 * and the place behind the last one. */
SAPMCU_PACKED_ASSEMBLY static void sapmcu_transform_tiles(__attribute__((unused)) const sapmcu_tiles *tiles) {
    __asm__(".syntax unified             \n"
            "push   {r4-r11, lr}         \n"
            "sub    sp, sp, #240         \n"
            "ldm    r0, {r0-r8}          \n"
            "strd   r4, r5, [sp, #208]   \n"
            "mul    r9, r6, r4           \n"
            "add    r10, sp, r6, lsl #2  \n"
            "strd   r9, r10, [sp, #220]  \n"
            "add    r10, sp, r7, lsl #2  \n"
            "str    r10, [sp, #228]      \n"
            "add    r9, r0, r4           \n"
            "str    r9, [sp, #216]       \n"
            "sub    r7, r7, r6           \n"
            "cmp    r7, #6               \n"
            "beq    1f                   \n"
            "mov    r9, r8               \n" /* columns outside stay as they are */
            "mov    r10, #0              \n"
            "mov    r11, #0              \n"
            "add    r6, sp, #192         \n"
            "0:                          \n"
            ".rept  9                    \n"
            "stmdb  r6!, {r10, r11}      \n"
            ".endr                       \n"
            ".rept  3                    \n"
            "stmdb  r6!, {r8, r9}        \n"
            ".endr                       \n"
            "cmp    sp, r6               \n"
            "bne    0b                   \n"
            "1:                          \n"
            "ldr    lr, [sp, #208]       \n"
            "ldrd   r4, r5, [sp, #220]   \n"
            "2:                          \n"
            "ldr    r6, [r0, r4]         \n"
            "ldr    r7, [r1, r4]         \n"
            "ldr    r8, [r2, r4]         \n"
            "ldr    r9, [r3, r4]         \n"
            "add    r4, r4, lr           \n" SAPMCU_TILE_COLUMN(", ror #8", "144", ", #96]", "120", "168")
                SAPMCU_TILE_COLUMN("", "48", "], #4", "24",
                                   "72") "ldr    r6, [sp, #228]       \n"
                                         "cmp    r5, r6               \n"
                                         "bne    2b                   \n"
                                         "adds   r0, r0, #4           \n"
                                         "adds   r1, r1, #4           \n"
                                         "adds   r2, r2, #4           \n"
                                         "adds   r3, r3, #4           \n"
                                         "add    r6, sp, #192         \n"
                                         "stm    r6, {r0-r3}          \n"
                                         "ldr    r3, [sp, #212]       \n"
                                         "lsl    r1, lr, #4           \n"
                                         "lsl    r2, lr, #2           \n"
                                         "mov    r0, sp               \n"
                                         "add    lr, sp, #96          \n"
                                         "3:                          \n"
                                         "ldm    r0, {r7-r12}         \n" SAPMCU_TILE_ROW("0", "4") //
            "add    r4, r0, #96          \n"
            "ldm    r4, {r7-r12}         \n" SAPMCU_TILE_ROW("8", "12") //
            "adds   r3, r3, r2           \n"
            "adds   r0, r0, #24          \n"
            "cmp    r0, lr               \n"
            "bne    3b                   \n"
            "ldr    r4, [sp, #212]       \n"
            "add    r4, r4, #16          \n"
            "str    r4, [sp, #212]       \n"
            "add    r6, sp, #192         \n"
            "ldm    r6, {r0-r3}          \n"
            "ldr    r4, [sp, #216]       \n"
            "cmp    r0, r4               \n"
            "bne    1b                   \n"
            "add    sp, sp, #240         \n"
            "pop    {r4-r11, pc}         \n");
}

/* Add the products of the next plane to r4..r7: of channel 0 and both tiles, of channel 1 and both. */
#define SAPMCU_TILE_PRODUCTS(NEXT)                                                                           \
    "adr.w  r0, " NEXT "f + 1    \n"                                                                         \
    "str    r0, [sp]             \n"                                                                         \
    "ldr    pc, [sp, #4]         \n" NEXT ":                   \n"
#define SAPMCU_TILE_ZERO                                                                                     \
    "movs   r4, #0               \n"                                                                         \
    "movs   r5, #0               \n"                                                                         \
    "movs   r6, #0               \n"                                                                         \
    "movs   r7, #0               \n"
#define SAPMCU_TILE_ADD(A, B, C, D)                                                                          \
    "add    " A ", " A ", r8     \n"                                                                         \
    "add    " B ", " B ", r9     \n"                                                                         \
    "add    " C ", " C ", r10    \n"                                                                         \
    "add    " D ", " D ", r11    \n"
/* Sums of column 1 become those of columns 1 and 2, and in the next slot their difference. */
#define SAPMCU_TILE_BUTTERFLY(OFFSET_0, OFFSET_1, NEXT_0, NEXT_1)                                            \
    SAPMCU_TILE_LOAD("r8", "r9", "r10", "r11", OFFSET_0, OFFSET_1)                                           \
    "sub    r0, r8, r4           \n"                                                                         \
    "sub    r1, r9, r5           \n"                                                                         \
    "sub    r2, r10, r6          \n"                                                                         \
    "sub    r3, r11, r7          \n" SAPMCU_TILE_STORE("r0", "r1", "r2", "r3", NEXT_0, NEXT_1)               \
        SAPMCU_TILE_ADD("r4", "r5", "r6", "r7")                                                              \
            SAPMCU_TILE_STORE("r4", "r5", "r6", "r7", OFFSET_0, OFFSET_1)
/* Column 0 or 3: to the sums of the upper and of the lower row in two slots. */
#define SAPMCU_TILE_LAST_COLUMN(A, B, C, D, UPPER_0, UPPER_1, LOWER_0, LOWER_1)                              \
    SAPMCU_TILE_ZERO SAPMCU_TILE_PRODUCTS(A) SAPMCU_TILE_STORE("r4", "r5", "r6", "r7", "32", "40")           \
        SAPMCU_TILE_PRODUCTS(B) SAPMCU_TILE_DIFFERENCE("32", "40") SAPMCU_TILE_LOAD("r8", "r9", "r10",       \
                                                                                    "r11", LOWER_0, LOWER_1) \
            SAPMCU_TILE_ADD("r0", "r1", "r2", "r3") SAPMCU_TILE_STORE("r0", "r1", "r2", "r3", "48", "56")    \
                SAPMCU_TILE_LOAD("r8", "r9", "r10", "r11", UPPER_0, UPPER_1)                                 \
                    SAPMCU_TILE_ADD("r4", "r5", "r6", "r7") SAPMCU_TILE_PRODUCTS(C)                          \
                        SAPMCU_TILE_STORE("r4", "r5", "r6", "r7", UPPER_0, UPPER_1)                          \
                            SAPMCU_TILE_LOAD("r4", "r5", "r6", "r7", "48", "56") SAPMCU_TILE_PRODUCTS(D)     \
                                SAPMCU_TILE_STORE("r4", "r5", "r6", "r7", LOWER_0, LOWER_1)
/* Four results of one column and row, of which r10 and r11 say where the next are. */
#define SAPMCU_TILE_WRITE                                                                                    \
    "strb   r6, [r8, #1]         \n"                                                                         \
    "strb   r4, [r8]             \n"                                                                         \
    "add    r8, r8, r10          \n"                                                                         \
    "strb   r7, [r8, #1]         \n"                                                                         \
    "strb   r5, [r8]             \n"                                                                         \
    "add    r8, r8, r11          \n"                                                                         \
    "cmp    r11, #0              \n"

/* Of four channels. lr: x; r12: filter. */
#define SAPMCU_TILE_STEP                                                                                     \
    "ldm    lr!, {r8-r11}       \n"                                                                          \
    "ldm    r12!, {r0-r3}       \n"                                                                          \
    "smlad  r4, r8, r0, r4      \n"                                                                          \
    "smlad  r5, r9, r0, r5      \n"                                                                          \
    "smlad  r6, r8, r1, r6      \n"                                                                          \
    "smlad  r7, r9, r1, r7      \n"                                                                          \
    "smlad  r4, r10, r2, r4     \n"                                                                          \
    "smlad  r5, r11, r2, r5     \n"                                                                          \
    "smlad  r6, r10, r3, r6     \n"                                                                          \
    "smlad  r7, r11, r3, r7     \n"

/* ISO C's limit for string literals is 4095. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverlength-strings"

/* Takes 200 bytes of stack. sp: where products return to, where they begin, x, y, y_end, what requantizes,
 * shift; at 32 M1 of a column, at 48 M1 - M2; at 64 four slots: sums of both tiles and channels, bytes to the
 * second tile, to the next slot's results: upper row, its next column, lower row, its next column; at 160 the
 * first step. */
SAPMCU_PACKED_ASSEMBLY static void sapmcu_multiply_tiles(__attribute__((unused))
                                                         const sapmcu_tile_products *state) {
    __asm__(
        ".syntax unified             \n"
        "push   {r4-r11, lr}         \n"
        "sub    sp, sp, #164         \n"
        "ldm    r0, {r1-r7, r12}     \n"
        "strd   r1, r2, [sp, #8]     \n"
        "str    r3, [sp, #16]        \n"
        "adr.w  r8, 20f + 1          \n"
        "movs   r1, #40              \n"
        "rsbs   r2, r4, #8           \n"
        "it     mi                   \n"
        "addmi  r2, r2, #8           \n"
        "mla    r8, r1, r2, r8       \n"
        "str    r8, [sp, #160]       \n"
        "cmp    r4, #8               \n"
        "bls    0f                   \n"
        "adr.w  r8, 30f + 1          \n"
        "0:                          \n"
        "str    r8, [sp, #4]         \n"
        "adr.w  r8, 40f + 1          \n"
        "cbz    r5, 0f               \n"
        "adr.w  r8, 50f + 1          \n"
        "0:                          \n"
        "strd   r8, r5, [sp, #20]    \n"
        "lsl    r8, r6, #1           \n"
        "rsb    r9, r6, #0           \n"
        "sub    r10, r7, r6          \n"
        "sub    r10, r10, r8         \n"
        "mov    r11, #0              \n"
        "strd   r8, r9, [sp, #80]    \n"
        "strd   r8, r10, [sp, #104]  \n"
        "strd   r8, r9, [sp, #128]   \n"
        "strd   r8, r11, [sp, #152]  \n"
        "1:                          \n"
        "ldr    lr, [sp, #8]         \n"
        "ldrd   r4, r6, [r12], #8    \n"
        "mov    r5, r4               \n"
        "mov    r7, r6               \n"                                                    //
        SAPMCU_TILE_PRODUCTS("2") SAPMCU_TILE_STORE("r4", "r5", "r6", "r7", "32", "40")     //
        SAPMCU_TILE_PRODUCTS("3") SAPMCU_TILE_DIFFERENCE("32", "40")                        //
        SAPMCU_TILE_STORE("r0", "r1", "r2", "r3", "48", "56")                               //
        SAPMCU_TILE_PRODUCTS("4") SAPMCU_TILE_STORE("r4", "r5", "r6", "r7", "64", "72")     //
        SAPMCU_TILE_LOAD("r4", "r5", "r6", "r7", "48", "56")                                //
        SAPMCU_TILE_PRODUCTS("5") SAPMCU_TILE_STORE("r4", "r5", "r6", "r7", "112", "120")   //
        SAPMCU_TILE_ZERO                                                                    //
            SAPMCU_TILE_PRODUCTS("6") SAPMCU_TILE_STORE("r4", "r5", "r6", "r7", "32", "40") //
        SAPMCU_TILE_PRODUCTS("7") SAPMCU_TILE_DIFFERENCE("32", "40")                        //
        SAPMCU_TILE_STORE("r0", "r1", "r2", "r3", "48", "56")                               //
        SAPMCU_TILE_PRODUCTS("8") SAPMCU_TILE_BUTTERFLY("64", "72", "88", "96")             //
        SAPMCU_TILE_LOAD("r4", "r5", "r6", "r7", "48", "56")                                //
        SAPMCU_TILE_PRODUCTS("9") SAPMCU_TILE_BUTTERFLY("112", "120", "136", "144")         //
        SAPMCU_TILE_LAST_COLUMN("10", "11", "12", "13", "64", "72", "112", "120")           //
        SAPMCU_TILE_LAST_COLUMN("14", "15", "16", "17", "88", "96", "136", "144")           //
        "ldm    r12!, {r0-r3}        \n"
        "ldr    r8, [sp, #12]        \n"
        "add    r9, sp, #64          \n"
        "ldr    pc, [sp, #20]        \n"
        ".p2align 2                  \n"
        "20:                         \n"
        ".rept 8                     \n" SAPMCU_TILE_STEP ".endr                      \n"
        "ldr    pc, [sp]             \n"
        ".p2align 2                  \n"
        "30:                         \n" /* more than eight steps: those beyond first */
        "ldr    r0, [sp]             \n"
        "str    r0, [sp, #28]        \n"
        "adr.w  r0, 31f + 1          \n"
        "str    r0, [sp]             \n"
        "ldr    pc, [sp, #160]       \n"
        ".p2align 2                  \n"
        "31:                         \n"
        "ldr    r0, [sp, #28]        \n"
        "str    r0, [sp]             \n"
        "b      20b                  \n"
        ".p2align 2                  \n"
        "40:                         \n"
        "ldm    r9!, {r4-r7, r10, r11} \n"
        "smmla  r4, r4, r0, r1       \n"
        "smmla  r5, r5, r0, r1       \n"
        "smmla  r6, r6, r2, r3       \n"
        "smmla  r7, r7, r2, r3       \n"
        "ssat   r4, #8, r4, asr #12  \n"
        "ssat   r5, #8, r5, asr #12  \n"
        "ssat   r6, #8, r6, asr #12  \n"
        "ssat   r7, #8, r7, asr #12  \n" SAPMCU_TILE_WRITE //
        "bne    40b                  \n"
        "41:                         \n"
        "ldrd   r8, r9, [sp, #12]    \n"
        "add    r8, r8, #2           \n"
        "str    r8, [sp, #12]        \n"
        "cmp    r8, r9               \n"
        "bne.w  1b                   \n"
        "add    sp, sp, #164         \n"
        "pop    {r4-r11, pc}         \n"
        ".p2align 2                  \n"
        "50:                         \n"
        "ldr    lr, [r12], #4        \n"
        "add    r4, r12, #4          \n"
        "str    r4, [sp, #32]        \n"
        "ldr    r12, [r12]           \n"
        "51:                         \n"
        "ldm    r9!, {r4-r7}         \n"
        "ldr    r10, [sp, #24]       \n" SAPMCU_PACKED_GENERAL("r4", "r0", "r1", "lr")                    //
        SAPMCU_PACKED_GENERAL("r5", "r0", "r1", "lr") SAPMCU_PACKED_GENERAL("r6", "r2", "r3", "r12")      //
        SAPMCU_PACKED_GENERAL("r7", "r2", "r3", "r12") "ldrd   r10, r11, [r9], #8   \n" SAPMCU_TILE_WRITE //
                                                       "bne    51b                  \n"
                                                       "ldr    r12, [sp, #32]       \n"
                                                       "b      41b                  \n");
}

#pragma GCC diagnostic pop

#endif
