/* SPDX-License-Identifier: Apache-2.0 */
/* Some pixels at a time are widened on the stack. */
#include "packed_windows.h"

#include "dsp.h"

enum { PIXELS = 16, PIXEL_WORDS = 4, FILTER_WORDS = 8, READ_BYTES = 8 };

/* Eight numbers by 256, of which some may be another pixel's. */
static inline int32_t *widen(int32_t *to, const int8_t *x) {
    __asm__ volatile("ldr    r8, [%[x]]               \n"
                     "ldr    r10, [%[x], #4]          \n"
                     "and    r9, r8, #0xff00ff00      \n"
                     "and    r8, %[mask], r8, lsl #8  \n"
                     "and    r11, r10, #0xff00ff00    \n"
                     "and    r10, %[mask], r10, lsl #8\n"
                     "stm    %[to]!, {r8-r11}         \n"
                     : [to] "+r"(to)
                     : [x] "r"(x), [mask] "r"(0xff00ff00U)
                     : "r8", "r9", "r10", "r11", "memory");
    return to;
}

/* A pixel behind which less than eight bytes may be read. */
static __attribute__((noinline)) int32_t *widen_last(int32_t *to, const int8_t *x, uint32_t channels) {
    int8_t copy[READ_BYTES] = {0};
    for (uint32_t c = 0; c < channels; c++) {
        copy[c] = x[c];
    }
    return widen(to, copy);
}

void sapmcu_packed_shallow_conv2d_row_s8(const void *params, const int8_t *const *rows, int8_t *y,
                                         void *scratch) {
    const sapmcu_packed_shallow_conv2d_s8_params *const p = params;
    const uint32_t channels = p->in_channels, outputs = p->out_channels, step = p->stride_width * channels;
    const int8_t *x = rows[0];
    int32_t left_bytes = (int32_t)(p->in_width * channels);
    int32_t windows[PIXELS * PIXEL_WORDS + 1]; /* the fifth word of a window is any number, times 0 */
    sapmcu_packed_windows state = {windows, PIXEL_WORDS * sizeof(int32_t),     p->filter, y,
                                   y,       p->filter + outputs * FILTER_WORDS};
    (void)scratch;
    for (uint32_t left = p->out_width; left > 0;) {
        const uint32_t pixels = left < PIXELS ? left : PIXELS;
        int32_t *to = windows;
        for (uint32_t i = 0; i < pixels; i++) {
            to = left_bytes >= READ_BYTES ? widen(to, x) : widen_last(to, x, channels);
            x += step;
            left_bytes -= (int32_t)step;
        }
        state.y = y;
        y += pixels * outputs;
        state.y_end = y;
        sapmcu_compute_windows(&state);
        left -= pixels;
    }
    if (p->low > INT8_MIN || p->high < INT8_MAX) {
        sapmcu_clamp_row(y - p->out_width * outputs, y, p->low, p->high);
    }
}
