/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_PRODUCTS_STATE_H
#define SAPMCU_PRODUCTS_STATE_H

/* What the loops over filters of 8 and of 16 bits take, and the requantization that they share. */

#include "sapmcu/packed_conv2d.h"

/* The assembly knows the order. x: of two pixels, widened to 16 bits: for every four numbers the words (0, 2)
 * of the first and the second pixel, then (1, 3). Or of three: the third's y and numbers are as far from the
 * second's as these from the first's. */
typedef struct {
    int8_t *y[2]; /* of the first two pixels */
    const int8_t *y_end;
    const int32_t *x_end, *x;
    uint32_t skipped_bytes; /* of the first round of steps */
    uint32_t shift;
    const int32_t *filter; /* of packed_conv2d.h or wide_conv2d.h */
} sapmcu_packed_products;

/* Widen windows of which some lies beside the image, or what follows may not be read. first, second: columns.
 */
void sapmcu_widen_edge(const sapmcu_packed_conv2d_s8_params *p, int32_t *to, const int8_t *const *rows,
                       int32_t first, int32_t second);

/* One kind of filters. pair: multiplies two pixels by all filters. odd: of a row with an odd number of pixels
 * the first one or three. Of four numbers and two channels: code of a step, and words of filters. */
typedef struct {
    void (*pair)(const sapmcu_packed_products *state);
    void (*odd)(const sapmcu_packed_products *state);
    uint32_t odd_pixels;
    uint32_t pair_round; /* steps of two pixels; else a round has four */
    uint32_t pair_step_bytes, odd_step_bytes;
    uint32_t steps_before; /* the first round */
    uint32_t step_words;
    void (*widen_edge)(const sapmcu_packed_conv2d_s8_params *p, int32_t *to, const int8_t *const *rows,
                       int32_t first, int32_t second); /* 0: no window is at an edge */
    uint32_t kind;                                     /* a sum of these */
} sapmcu_products_core;

/* Rows may be copied by columns. Of kernels that are smaller: channels of y are even; windows are of one row,
 * which isn't copied. */
enum { SAPMCU_TAKES_MERGED = 1, SAPMCU_ONLY_EVEN = 2, SAPMCU_ONE_ROW = 4 };

/* Code before the first step of the first round; steps: steps_before or more. */
static inline uint32_t sapmcu_skipped_bytes(const sapmcu_products_core *core, uint32_t steps,
                                            uint32_t pixels) {
    const uint32_t round = pixels == 2 ? core->pair_round : 4, left = steps - core->steps_before;
    const uint32_t skipped = core->steps_before > 0 && left == 0 ? round : (0 - left) % round;
    return skipped * (pixels == 2 ? core->pair_step_bytes : core->odd_step_bytes);
}

/* gcc must not conclude from an empty body which registers stay as they are. */
#if defined(__clang__)
#define SAPMCU_PACKED_ASSEMBLY __attribute__((naked, noinline))
#else
#define SAPMCU_PACKED_ASSEMBLY __attribute__((naked, noinline, noipa))
#endif

#define SAPMCU_PACKED_GENERAL(SUM, FACTOR, OFFSET, NEGATIVE)                                                 \
    "and    r11, " NEGATIVE ", " SUM ", asr #31 \n"                                                          \
    "add    r11, r11, " OFFSET "                \n"                                                          \
    "smmla  " SUM ", " SUM ", " FACTOR ", r11   \n"                                                          \
    "asr    " SUM ", " SUM ", r10               \n"                                                          \
    "ssat   " SUM ", #8, " SUM "                \n"

/* Both cores of two pixels begin so: the state goes to the stack, with the addresses of the first step and of
 * what requantizes, 4 or 5. */
#define SAPMCU_BEGIN_PAIR                                                                                    \
    ".syntax unified             \n"                                                                         \
    "push   {r4-r11, lr}         \n"                                                                         \
    "ldm    r0, {r1-r7, r12}     \n"                                                                         \
    "adr    r8, 2f               \n"                                                                         \
    "add    r6, r6, r8           \n"                                                                         \
    "orr    r6, r6, #1           \n"                                                                         \
    "adr    r8, 4f               \n"                                                                         \
    "cbz    r7, 0f               \n"                                                                         \
    "adr    r8, 5f               \n"                                                                         \
    "0:                          \n"                                                                         \
    "orr    r8, r8, #1           \n"                                                                         \
    "push   {r1-r8}              \n"

#ifndef SAPMCU_ONLY_SHIFT_0 /* a kernel that says so is smaller */
#define SAPMCU_FINISH_ANY                                                                                    \
    ".p2align 2                  \n"                                                                         \
    "5:                          \n"                                                                         \
    "ldrd   r8, r9, [r12], #8    \n"                                                                         \
    "ldr    r10, [sp, #24]       \n" SAPMCU_PACKED_GENERAL("r4", "r0", "r1", "r8")                           \
        SAPMCU_PACKED_GENERAL("r5", "r0", "r1", "r8") SAPMCU_PACKED_GENERAL("r6", "r2", "r3", "r9")          \
            SAPMCU_PACKED_GENERAL("r7", "r2", "r3", "r9") "b      6b                   \n"
#else
#define SAPMCU_FINISH_ANY "5:\n"
#endif

/* And go on so behind the sums: 4 requantizes by the short path, 5 any; four results are written. */
#define SAPMCU_FINISH_PAIR                                                                                   \
    ".p2align 2                  \n"                                                                         \
    "4:                          \n"                                                                         \
    "smmla  r4, r4, r0, r1       \n"                                                                         \
    "smmla  r5, r5, r0, r1       \n"                                                                         \
    "smmla  r6, r6, r2, r3       \n"                                                                         \
    "smmla  r7, r7, r2, r3       \n"                                                                         \
    "ssat   r4, #8, r4, asr #12  \n"                                                                         \
    "ssat   r5, #8, r5, asr #12  \n"                                                                         \
    "ssat   r6, #8, r6, asr #12  \n"                                                                         \
    "ssat   r7, #8, r7, asr #12  \n"                                                                         \
    "6:                          \n"                                                                         \
    "ldm    sp, {r0-r3, lr}      \n"                                                                         \
    "strb   r6, [r0, #1]         \n"                                                                         \
    "strb   r7, [r1, #1]         \n"                                                                         \
    "strb   r4, [r0], #2         \n"                                                                         \
    "strb   r5, [r1], #2         \n"                                                                         \
    "strd   r0, r1, [sp]         \n"                                                                         \
    "cmp    r0, r2               \n"                                                                         \
    "bne    1b                   \n"                                                                         \
    "add    sp, sp, #32          \n"                                                                         \
    "pop    {r4-r11, pc}         \n" SAPMCU_FINISH_ANY

/* Three pixels begin so: the state goes to the stack, with the address of the first step. shift is 0. */
#define SAPMCU_BEGIN_THREE                                                                                   \
    ".syntax unified             \n"                                                                         \
    "push   {r4-r11, lr}         \n"                                                                         \
    "ldm    r0, {r1-r7, r12}     \n"                                                                         \
    "adr    r8, 2f               \n"                                                                         \
    "add    r6, r6, r8           \n"                                                                         \
    "orr    r6, r6, #1           \n"                                                                         \
    "push   {r1-r6}              \n"                                                                         \
    "mov    lr, r5               \n"

/* And go on so behind the sums, r4 to r6 of channel 0 and r7 to r9 of channel 1: six results are written. */
#define SAPMCU_FINISH_THREE                                                                                  \
    "ldm    r12!, {r0-r3}        \n"                                                                         \
    "smmla  r4, r4, r0, r1       \n"                                                                         \
    "smmla  r5, r5, r0, r1       \n"                                                                         \
    "smmla  r6, r6, r0, r1       \n"                                                                         \
    "smmla  r7, r7, r2, r3       \n"                                                                         \
    "smmla  r8, r8, r2, r3       \n"                                                                         \
    "smmla  r9, r9, r2, r3       \n"                                                                         \
    "ssat   r4, #8, r4, asr #12  \n"                                                                         \
    "ssat   r5, #8, r5, asr #12  \n"                                                                         \
    "ssat   r6, #8, r6, asr #12  \n"                                                                         \
    "ssat   r7, #8, r7, asr #12  \n"                                                                         \
    "ssat   r8, #8, r8, asr #12  \n"                                                                         \
    "ssat   r9, #8, r9, asr #12  \n"                                                                         \
    "ldm    sp, {r0-r3, lr}      \n"                                                                         \
    "rsb    r10, r0, r1, lsl #1  \n"                                                                         \
    "strb   r9, [r10, #1]        \n"                                                                         \
    "strb   r6, [r10]            \n"                                                                         \
    "strb   r7, [r0, #1]         \n"                                                                         \
    "strb   r8, [r1, #1]         \n"                                                                         \
    "strb   r4, [r0], #2         \n"                                                                         \
    "strb   r5, [r1], #2         \n"                                                                         \
    "strd   r0, r1, [sp]         \n"                                                                         \
    "cmp    r0, r2               \n"                                                                         \
    "bne    1b                   \n"                                                                         \
    "add    sp, sp, #24          \n"                                                                         \
    "pop    {r4-r11, pc}         \n"

#endif
