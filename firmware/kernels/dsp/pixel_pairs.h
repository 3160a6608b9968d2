/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_PIXEL_PAIRS_H
#define SAPMCU_PIXEL_PAIRS_H

/* The windows of two or three pixels are widened once, then multiplied by all filters: what kernels share
 * whose filters have 8 and 16 bits. */

#include "sapmcu/packed_conv2d.h"

#include "dsp.h"
#include "products_state.h"
#include "sapmcu/small.h"
#include "widen.h"

/* Windows in the image, whose rows may be followed by any numbers to a multiple of four. offset: of each
 * pixel. */
static void widen_inside(int32_t *to, const int8_t *const *rows, const int8_t *const *end, uint32_t row_words,
                         int32_t first, int32_t second) {
    do {
        const int8_t *const row = *rows++;
        to = sapmcu_widen(to, row + first, row + second, row_words);
    } while (rows != end);
}

/* Of three pixels, the last of a row, each so many bytes behind the one before. Their windows take the place
 * of copied rows, too, which begin behind windows of two pixels; only of rows that are read by then, for a
 * row's copy has at least a third of the bytes that its part of the windows takes. */
static inline void widen_three_inside(int32_t *to, const int8_t *const *rows, const int8_t *const *end,
                                      uint32_t row_words, int32_t first, int32_t apart_bytes) {
    do {
        to = sapmcu_widen_three(to, *rows++ + first, apart_bytes, row_words);
    } while (rows != end);
}

static __attribute__((noinline)) int8_t *fill(int8_t *to, int8_t value, uint32_t count) {
    for (; count > 0; count--) {
        *to++ = value;
        __asm__ volatile("" ::: "memory"); /* else it calls memset, for a few bytes */
    }
    return to;
}

/* Copies of rows with so many columns, the padding among them, so that no window is at an edge; then pointers
 * to them. */
static __attribute__((noinline)) SAPMCU_SMALL const int8_t *const *
pad_rows(const sapmcu_packed_conv2d_s8_params *p, const int8_t *const *rows, uint32_t columns, void *to) {
    const uint32_t channels = p->in_channels, before = p->pad_left;
    const uint32_t inside = columns - before < p->in_width ? columns - before : p->in_width;
    int8_t *copy = to;
    const int8_t **const padded =
        (const int8_t **)(void *)(copy + ((p->kernel_height * columns * channels + 3U) & ~3U));
    for (uint32_t ky = 0; ky < p->kernel_height; ky++) {
        const int8_t *x = rows[ky];
        padded[ky] = copy;
        copy = fill(copy, p->zero_row[0], before * channels);
        uint32_t left = inside * channels;
        for (; left >= 4; left -= 4, x += 4, copy += 4) {
            sapmcu_store_s8x4(copy, sapmcu_load_s8x4(x));
        }
        for (; left > 0; left--) {
            *copy++ = *x++;
        }
        copy = fill(copy, p->zero_row[0], (columns - before - inside) * channels);
    }
    return padded;
}

/* A copy of rows of one to three channels by columns, the padding among them, each with the pixels of all
 * rows. Up to three bytes behind it are written, too. */
static inline const int8_t *merge_rows(const sapmcu_packed_conv2d_s8_params *p, const int8_t *const *rows,
                                       uint32_t columns, int8_t *to) {
    const uint32_t channels = p->in_channels;
    const int8_t *const merged = to, *const *const end = rows + p->kernel_height;
    for (uint32_t x = 0U - p->pad_left; columns > 0; x++, columns--) {
        if (x >= p->in_width) {
            to = fill(to, p->zero_row[0], channels * p->kernel_height);
            continue;
        }
        for (const int8_t *const *row = rows; row < end; to += channels) {
            sapmcu_store_s8x4(to, sapmcu_load_s8x4(*row++ + x * channels));
        }
    }
    return merged;
}

/* An odd number of channels: the first two, then all but the first. */
static __attribute__((noinline)) void compute_odd(const sapmcu_packed_conv2d_s8_params *p,
                                                  sapmcu_packed_products *state, uint32_t step_words,
                                                  void (*compute)(const sapmcu_packed_products *)) {
    int8_t *const y_end = state->y[0] + p->out_channels;
    state->y_end = state->y[0] + 2;
    compute(state);
    state->y[0]++;
    state->y[1]++;
    state->y_end = y_end;
    state->filter = p->filter + 6 + step_words * sapmcu_packed_steps(p) + (p->shift ? 2 : 0);
    compute(state);
    state->filter = p->filter;
}

/* The row kernel of packed_conv2d.h and wide_conv2d.h, but for the clamp. */
static inline __attribute__((always_inline)) void sapmcu_convolve_row(const sapmcu_products_core *core,
                                                                      const void *params,
                                                                      const int8_t *const *rows, int8_t *y,
                                                                      void *scratch) {
    const sapmcu_packed_conv2d_s8_params *const p = params;
    const uint32_t has_one_row = core->kind & SAPMCU_ONE_ROW;
    uint32_t height = has_one_row ? 1 : p->kernel_height;
    const uint32_t channels = p->out_channels,
                   steps = core->kind & SAPMCU_TAKES_MERGED ? sapmcu_packed_steps(p) : height * p->row_words;
    int32_t column = has_one_row ? 0 : -(int32_t)p->pad_left, in_width = p->in_width;
    sapmcu_packed_products state;
    state.x = scratch;
    state.shift = p->shift;
    state.filter = p->filter;
    const int8_t *merged; /* the one row of which windows are runs */
    int32_t column_bytes = p->in_channels;
    if (!has_one_row && p->is_copied != SAPMCU_NOT_COPIED) {
        const uint32_t columns = (p->out_width - 1U) * p->stride_width + p->kernel_width;
        int32_t *const copy = (int32_t *)scratch + 4 * steps;
        if (core->kind & SAPMCU_TAKES_MERGED && p->is_copied == SAPMCU_MERGED) {
            merged = merge_rows(p, rows, columns, (int8_t *)copy);
            rows = &merged;
            column_bytes *= (int32_t)height;
            height = 1;
            column = 0;
            in_width = (int32_t)columns + 4; /* no window is the last */
        } else if (!core->widen_edge || column < 0 || (int32_t)columns + column > in_width) {
            rows = pad_rows(p, rows, columns, copy);
            column = 0;
            in_width = (int32_t)columns + 4;
        }
    }
    const int32_t last = in_width * column_bytes - 4 * p->row_words;
    /* of an odd number the first has no partner; or the last three are a group, and one alone is a pair */
    const uint32_t has_three = core->odd_pixels == 3;
    const int32_t step = has_three && p->out_width == 1 ? 0 : p->stride_width;
    uint32_t pixels = has_three ? 2 + (p->out_width == 3) : 2 - p->out_width % 2;
    state.x_end = state.x + (pixels == 3 ? 6 : 4) * steps;
    state.skipped_bytes = sapmcu_skipped_bytes(core, steps, pixels);
    for (const int8_t *const end = y + p->out_width * channels; y < end;) {
        const int32_t second = pixels == 1 ? column : column + step;
        if (pixels == 3) {
            widen_three_inside(scratch, rows, rows + height, p->row_words, column * column_bytes,
                               step * column_bytes);
        } else if (!core->widen_edge || (column >= 0 && second * column_bytes <= last)) {
            widen_inside(scratch, rows, rows + height, p->row_words, column * column_bytes,
                         second * column_bytes);
        } else {
            core->widen_edge(p, scratch, rows, column, second);
        }
        state.y[0] = y;
        state.y[1] = has_three && step == 0 ? y : y + channels;
        state.y_end = y + channels;
        if (!(core->kind & SAPMCU_ONLY_EVEN) && channels % 2) {
            compute_odd(p, &state, core->step_words, pixels == 2 ? core->pair : core->odd);
        } else if (pixels == 2) {
            core->pair(&state);
        } else {
            core->odd(&state);
        }
        y += pixels * channels;
        column = second + step;
        if (has_three && end - y == (int32_t)(3 * channels)) {
            pixels = 3;
            state.x_end = state.x + 6 * steps;
            state.skipped_bytes = sapmcu_skipped_bytes(core, steps, 3);
        } else if (pixels == 1) {
            pixels = 2;
            state.skipped_bytes = sapmcu_skipped_bytes(core, steps, 2);
        }
    }
}

#endif
