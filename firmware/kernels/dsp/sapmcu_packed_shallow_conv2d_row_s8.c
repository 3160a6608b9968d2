/* SPDX-License-Identifier: Apache-2.0 */
/* Some pixels at a time are widened on the stack. */
#include "packed_windows.h"

#include "dsp.h"
#include "sapmcu/small.h"

enum { PIXELS = 16, PIXEL_WORDS = 4, FILTER_WORDS = 8, READ_BYTES = 8 };

#if defined(__clang__)
#define SAPMCU_SHALLOW_ASSEMBLY __attribute__((naked, noinline))
#else
#define SAPMCU_SHALLOW_ASSEMBLY __attribute__((naked, noinline, noipa))
#endif

/* Eight numbers of each pixel by 256, of which some may be another pixel's. Takes 16 bytes of stack. */
SAPMCU_SHALLOW_ASSEMBLY static void widen(__attribute__((unused)) int32_t *to,
                                          __attribute__((unused)) const int8_t *x,
                                          __attribute__((unused)) uint32_t step,
                                          __attribute__((unused)) uint32_t pixels) {
    __asm__(".syntax unified              \n"
            "push   {r4-r7}               \n"
            "mov    r12, #0xff00ff00      \n"
            "1:                           \n"
            "ldr    r4, [r1]              \n"
            "ldr    r6, [r1, #4]          \n"
            "add    r1, r1, r2            \n"
            "and    r5, r4, #0xff00ff00   \n"
            "and    r4, r12, r4, lsl #8   \n"
            "and    r7, r6, #0xff00ff00   \n"
            "and    r6, r12, r6, lsl #8   \n"
            "stm    r0!, {r4-r7}          \n"
            "subs   r3, r3, #1            \n"
            "bne    1b                    \n"
            "pop    {r4-r7}               \n"
            "bx     lr                    \n");
}

/* A pixel behind which less than eight bytes may be read. */
static __attribute__((noinline)) void widen_last(int32_t *to, const int8_t *x, uint32_t channels) {
    int8_t copy[READ_BYTES] = {0};
    for (uint32_t c = 0; c < channels; c++) {
        copy[c] = x[c];
        __asm__ volatile("" ::: "memory"); /* else it calls memcpy, for a few bytes */
    }
    widen(to, copy, 0, 1);
}

SAPMCU_SMALL void sapmcu_packed_shallow_conv2d_row_s8(const void *params, const int8_t *const *rows,
                                                      int8_t *y, void *scratch) {
    const sapmcu_packed_shallow_conv2d_s8_params *const p = params;
    const uint32_t channels = p->in_channels, outputs = p->out_channels, step = p->stride_width * channels;
    const uint32_t row_bytes = p->in_width * channels;
    const int8_t *x = rows[0];
    int32_t windows[PIXELS * PIXEL_WORDS + 1]; /* the fifth word of a window is any number, times 0 */
    sapmcu_packed_windows state = {windows, PIXEL_WORDS * sizeof(int32_t),     p->filter, y,
                                   y,       p->filter + outputs * FILTER_WORDS};
    uint32_t left = p->out_width;
    uint32_t readable = row_bytes >= READ_BYTES ? (row_bytes - READ_BYTES) / step + 1 : 0;
    (void)scratch;
    while (left > 0) {
        const uint32_t pixels = left < PIXELS ? left : PIXELS;
        const uint32_t inside = readable < pixels ? readable : pixels;
        if (inside > 0) {
            widen(windows, x, step, inside);
        }
        for (uint32_t i = inside; i < pixels; i++) {
            widen_last(windows + i * PIXEL_WORDS, x + i * step, channels);
        }
        x += pixels * step;
        readable -= inside;
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
