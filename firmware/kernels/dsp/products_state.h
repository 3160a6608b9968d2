/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_PRODUCTS_STATE_H
#define SAPMCU_PRODUCTS_STATE_H

/* What the loops over filters of 8 and of 16 bits take, and the requantization that they share. */

#include "sapmcu/packed_conv2d.h"

/* The assembly knows the order. x: of both pixels, widened to 16 bits: for every four numbers the words (0,
 * 2) of the first and the second pixel, then (1, 3). */
typedef struct {
    int8_t *y[2]; /* of each pixel */
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

/* One kind of filters. pair, single: multiply two pixels or one by all filters. Of four numbers and two
 * channels: code of a step, and words of filters. */
typedef struct {
    void (*pair)(const sapmcu_packed_products *state);
    void (*single)(const sapmcu_packed_products *state);
    uint32_t pair_round; /* steps of two pixels; of one pixel, a round has four */
    uint32_t pair_step_bytes, single_step_bytes;
    uint32_t steps_before; /* the first round */
    uint32_t step_words;
    void (*widen_edge)(const sapmcu_packed_conv2d_s8_params *p, int32_t *to, const int8_t *const *rows,
                       int32_t first, int32_t second);
    uint32_t takes_merged; /* rows that are copied by columns */
} sapmcu_products_core;

/* Code before the first step of the first round; steps: steps_before or more. */
static inline uint32_t sapmcu_skipped_bytes(const sapmcu_products_core *core, uint32_t steps,
                                            uint32_t pixels) {
    const uint32_t round = pixels == 2 ? core->pair_round : 4, left = steps - core->steps_before;
    const uint32_t skipped = core->steps_before > 0 && left == 0 ? round : (0 - left) % round;
    return skipped * (pixels == 2 ? core->pair_step_bytes : core->single_step_bytes);
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

#endif
