/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_VECTOR_PRODUCTS_H
#define SAPMCU_VECTOR_PRODUCTS_H

/* A vector is widened once, then multiplied by all filters. */

#include "sapmcu/packed_conv2d.h"

#include "dsp.h"
#include "products_state.h"

/* Words of the second pixel stay as they are. */
static int32_t *widen(int32_t *to, uint32_t word) {
    to[0] = (int32_t)sapmcu_even_lanes(word);
    to[2] = (int32_t)sapmcu_odd_lanes(word);
    return to + 4;
}

/* The kernel of packed_fully_connected.h and wide_fully_connected.h, but for the clamp. */
static inline __attribute__((always_inline)) void
sapmcu_multiply_vector(const sapmcu_products_core *core, const sapmcu_packed_conv2d_s8_params *params,
                       const int8_t *x, int8_t *y, void *scratch) {
    const sapmcu_packed_conv2d_s8_params *const p = params;
    const uint32_t depth = p->in_channels, channels = p->out_channels;
    sapmcu_packed_products state;
    int32_t *to = scratch;
    for (const int8_t *const end = x + (depth & ~3U); x < end; x += 4) {
        to = widen(to, sapmcu_load_s8x4(x));
    }
    if (depth & 3) {
        uint32_t word = 0;
        for (const int8_t *last = x + (depth & 3); last > x;) {
            word = word << 8 | (uint8_t)*--last;
        }
        to = widen(to, word);
    }
    state.x = scratch;
    state.x_end = to;
    state.skipped_bytes = sapmcu_skipped_bytes(core, p->row_words, 1);
    state.shift = p->shift;
    state.filter = p->filter;
    state.y[0] = y;
    if (channels % 2) { /* the first two, then all but the first */
        state.y_end = y + 2;
        core->odd(&state);
        state.y[0] = y + 1;
        state.filter += 6 + core->step_words * p->row_words + (p->shift ? 2 : 0);
    }
    state.y_end = y + channels;
    core->odd(&state);
}

#endif
