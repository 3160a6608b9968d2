/* SPDX-License-Identifier: Apache-2.0 */
/* Some columns at a time are widened on the stack: of each, rows 0 and 1, and row 2 of it and the next but
 * one. A window is five of these words in a row. */
#include "packed_windows.h"

#include "dsp.h"

enum { KERNEL_WIDTH = 3, COLUMNS = 33, AT_ONCE = 4, BEHIND = 2, COLUMN_WORDS = 2, FILTER_WORDS = 8 };

#if defined(__clang__)
#define SAPMCU_PLANE_ASSEMBLY __attribute__((naked, noinline))
#else
#define SAPMCU_PLANE_ASSEMBLY __attribute__((naked, noinline, noipa))
#endif

/* Four columns a time, by 256. x: of the three rows; two columns more are read. Takes 36 bytes of stack. */
SAPMCU_PLANE_ASSEMBLY static void widen(__attribute__((unused)) int32_t *to,
                                        __attribute__((unused)) const int8_t *const *x,
                                        __attribute__((unused)) uint32_t times) {
    __asm__(".syntax unified              \n"
            "push   {r4-r11, lr}          \n"
            "ldm    r1, {r1, r3, r12}     \n"
            "mov    lr, #0xff00ff00       \n"
            "1:                           \n"
            "ldr    r4, [r1], #4          \n"
            "ldr    r5, [r3], #4          \n"
            "pkhbt  r6, r4, r5, lsl #16   \n"
            "pkhtb  r10, r5, r4, asr #16  \n"
            "ldr    r9, [r12, #2]         \n"
            "ldr    r5, [r12], #4         \n"
            "and    r4, lr, r6, lsl #8    \n"
            "and    r6, r6, #0xff00ff00   \n"
            "and    r7, r5, #0xff00ff00   \n"
            "and    r5, lr, r5, lsl #8    \n"
            "and    r8, lr, r10, lsl #8   \n"
            "and    r10, r10, #0xff00ff00 \n"
            "and    r11, r9, #0xff00ff00  \n"
            "and    r9, lr, r9, lsl #8    \n"
            "stm    r0!, {r4-r11}         \n"
            "subs   r2, r2, #1            \n"
            "bne    1b                    \n"
            "pop    {r4-r11, pc}          \n");
}

/* A column at an edge. */
static void widen_one(const sapmcu_packed_shallow_conv2d_s8_params *p, int32_t *to, const int8_t *const *rows,
                      uint32_t column) {
    int16_t *const halves = (int16_t *)to;
    for (uint32_t i = 0; i < 4; i++) {
        const int32_t number = column < p->in_width ? (*rows)[column] : p->x_zero_point;
        halves[i] = (int16_t)(number * 256);
        if (i < 2) {
            rows++;
        } else {
            column += BEHIND;
        }
    }
}

/* Columns from `first` on, and perhaps three more. */
static void widen_columns(const sapmcu_packed_shallow_conv2d_s8_params *p, int32_t *to,
                          const int8_t *const *rows, int32_t first, int32_t count) {
    for (int32_t i = 0; i < count;) {
        const int32_t column = first + i;
        const int32_t inside = column < 0 ? 0 : (p->in_width - column - BEHIND) / AT_ONCE;
        const int32_t wanted = (count - i + AT_ONCE - 1) / AT_ONCE, times = wanted < inside ? wanted : inside;
        if (times > 0) {
            const int8_t *const x[] = {rows[0] + column, rows[1] + column, rows[2] + column};
            widen(to + i * COLUMN_WORDS, x, (uint32_t)times);
            i += times * AT_ONCE;
            continue;
        }
        widen_one(p, to + i * COLUMN_WORDS, rows, (uint32_t)column);
        i++;
    }
}

void sapmcu_packed_plane_conv2d_row_s8(const void *params, const int8_t *const *rows, int8_t *y,
                                       void *scratch) {
    const sapmcu_packed_shallow_conv2d_s8_params *const p = params;
    const uint32_t outputs = p->out_channels, stride = p->stride_width;
    const uint32_t most = (COLUMNS - KERNEL_WIDTH) / stride + 1;
    int32_t columns[(COLUMNS + AT_ONCE - 1) * COLUMN_WORDS];
    int32_t first = -(int32_t)p->pad_left;
    sapmcu_packed_windows state = {columns, stride * COLUMN_WORDS * sizeof(int32_t), p->filter, y,
                                   y,       p->filter + outputs * FILTER_WORDS};
    (void)scratch;
    for (uint32_t left = p->out_width; left > 0;) {
        const uint32_t pixels = left < most ? left : most;
        widen_columns(p, columns, rows, first, (int32_t)((pixels - 1) * stride + KERNEL_WIDTH));
        state.y = y;
        y += pixels * outputs;
        state.y_end = y;
        sapmcu_compute_windows(&state);
        first += (int32_t)(pixels * stride);
        left -= pixels;
    }
    if (p->low > INT8_MIN || p->high < INT8_MAX) {
        sapmcu_clamp_row(y - p->out_width * outputs, y, p->low, p->high);
    }
}
