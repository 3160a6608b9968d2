/* SPDX-License-Identifier: Apache-2.0 */
/* Some pixels at a time: their columns, four channels deep, have room on the stack. Columns beside the image
 * are the same for all channels and written once. */
#include "packed_depthwise.h"

#include "dsp.h"

enum { KERNEL_WIDTH = 3, FILTER_BYTES = 120 };

/* Columns first..end-1 of all that are widened. */
static void fill(int32_t *columns, uint32_t first, uint32_t end, int32_t both) {
    int32_t *const stop = columns + end * SAPMCU_COLUMN_WORDS;
    for (int32_t *to = columns + first * SAPMCU_COLUMN_WORDS; to < stop; to++) {
        *to = both;
    }
}

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

void sapmcu_packed_depthwise_conv2d_row_s8(const void *params, const int8_t *const *rows, int8_t *y,
                                           void *scratch) {
    const sapmcu_packed_depthwise_conv2d_s8_params *const p = params;
    const uint32_t channels = p->channels, stride = p->stride_width;
    const uint32_t most = (SAPMCU_DEPTHWISE_ROW_COLUMNS - KERNEL_WIDTH) / stride + 1;
    const int32_t outside = (int32_t)((uint32_t)((uint8_t)p->x_zero_point << 8) * 0x10001U);
    int32_t columns[SAPMCU_DEPTHWISE_ROW_COLUMNS * SAPMCU_COLUMN_WORDS];
    int32_t first = -(int32_t)p->pad_left;
    sapmcu_packed_depthwise state;
    (void)scratch;
    state.y_step = channels;
    state.back_bytes = (KERNEL_WIDTH - stride) * SAPMCU_COLUMN_WORDS * (uint32_t)sizeof(int32_t);
    state.columns = columns;
    state.second_row = (int32_t)((uintptr_t)rows[1] - (uintptr_t)rows[0]);
    state.third_row = (int32_t)((uintptr_t)rows[2] - (uintptr_t)rows[0]);
    state.shift = p->shift;
    state.filter_bytes = FILTER_BYTES + (p->shift ? 4U * (uint32_t)sizeof(int32_t) : 0U);
    for (uint32_t left = p->out_width; left > 0;) {
        const uint32_t pixels = smaller(left, most), count = (pixels - 1) * stride + KERNEL_WIDTH;
        const uint32_t before = first < 0 ? (uint32_t)-first : 0;
        const uint32_t end = smaller(count, (uint32_t)(p->in_width - first));
        fill(columns, 0, before, outside);
        fill(columns, end, count, outside);
        state.inside = columns + before * SAPMCU_COLUMN_WORDS;
        state.x = rows[0] + (uint32_t)(first + (int32_t)before) * channels;
        state.x_end = state.x + (end - before) * channels;
        state.y = y;
        state.y_end = y + pixels * channels;
        state.filter = p->filter;
        state.fours = channels / 4;
        sapmcu_compute_depthwise(&state);
        if (channels % 4) {
            state.x += channels - 4;
            state.x_end += channels - 4;
            state.y += channels - 4;
            state.y_end += channels - 4;
            state.filter += state.fours * state.filter_bytes / sizeof(int32_t);
            state.fours = 1;
            sapmcu_compute_depthwise(&state);
        }
        y += pixels * channels;
        first += (int32_t)(pixels * stride);
        left -= pixels;
    }
    if (p->low > INT8_MIN || p->high < INT8_MAX) {
        sapmcu_clamp_row(y - p->out_width * channels, y, p->low, p->high);
    }
}
