/* SPDX-License-Identifier: Apache-2.0 */
/* Four channels at a time down the whole image, so that each row is widened once. Columns beside the image
 * are the same for all channels and written once. */
#include "packed_depthwise_rows.h"

#include "dsp.h"
#include "sapmcu/small.h"

enum { KERNEL_WIDTH = 3, FILTER_WORDS = 36, COLUMN_WORDS = 8, COLUMN_BYTES = 32 };

static __attribute__((noinline)) void fill(int32_t *columns, uint32_t first, uint32_t end, int32_t both) {
    for (uint32_t i = first * COLUMN_WORDS; i < end * COLUMN_WORDS; i++) {
        columns[i] = both;
    }
}

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

SAPMCU_SMALL void sapmcu_packed_depthwise_conv2d_s8(const sapmcu_rows *geometry,
                                                    const sapmcu_packed_depthwise_conv2d_s8_params *params,
                                                    const int8_t *x, int8_t *y, void *scratch,
                                                    uint32_t room) {
    const sapmcu_packed_depthwise_conv2d_s8_params *const p = params;
    const uint32_t channels = p->channels, stride = p->stride_width;
    const uint32_t most = (room - KERNEL_WIDTH) / stride + 1;
    const int8_t *const none = geometry->zero_row ? geometry->zero_row : x; /* or read in vain */
    const int32_t both = (int32_t)((uint32_t)((uint8_t)p->x_zero_point << 8) * 0x10001U);
    int32_t *const columns = scratch;
    int32_t column = -(int32_t)p->pad_left;
    sapmcu_packed_depthwise_rows state;
    state.channels = state.y_step = channels;
    state.in_rows = geometry->in_rows;
    state.in_row_bytes = geometry->in_row_bytes;
    state.columns = columns;
    state.y_row_bytes = geometry->out_row_bytes;
    state.window_bytes = stride * COLUMN_BYTES - COLUMN_BYTES / 2;
    state.most_rows = 3U - geometry->stride;
    for (uint32_t done = 0, pixels; done < p->out_width; done += pixels) {
        pixels = smaller(p->out_width - done, most);
        const uint32_t count = (pixels - 1) * stride + KERNEL_WIDTH;
        const uint32_t before = column < 0 ? (uint32_t)-column : 0;
        const uint32_t end = smaller(count, (uint32_t)(p->in_width - column));
        const uint32_t first = (uint32_t)(column + (int32_t)before) * channels;
        fill(columns, 0, before, both);
        fill(columns, end, count, both);
        state.last_bytes = (end - before - 1) * channels;
        state.inside_end = columns + end * COLUMN_WORDS;
        state.rest_bytes = geometry->out_row_bytes - pixels * channels;
        state.filter = p->filter;
        for (uint32_t four = 0; four < channels; four += 4) {
            const uint32_t channel = smaller(four, channels - 4);
            state.row = -(int32_t)geometry->pad_top;
            state.x = x + first + channel;
            state.outside = none + first + channel;
            state.y = y + done * channels + channel;
            state.y_end = state.y + pixels * channels;
            state.left = geometry->out_rows;
            state.rows = 0;
            sapmcu_compute_depthwise_rows(&state);
            state.filter += FILTER_WORDS;
        }
        column += (int32_t)(pixels * stride);
    }
    if (p->low > INT8_MIN || p->high < INT8_MAX) {
        sapmcu_clamp_row(y, y + geometry->out_rows * geometry->out_row_bytes, p->low, p->high);
    }
}
