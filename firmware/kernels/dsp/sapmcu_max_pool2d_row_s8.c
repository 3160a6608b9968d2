/* SPDX-License-Identifier: Apache-2.0 */
#include "dsp.h"
#include "sapmcu/pool2d.h"

/* The largest of columns first..end-1, of four channels from c on. */
static uint32_t window_max(const sapmcu_pool2d_s8_params *p, const int8_t *const *rows, int32_t first,
                           int32_t end, uint32_t c) {
    uint32_t largest = 0x80808080U;
    for (uint32_t ky = 0; ky < p->kernel_height; ky++) {
        if (rows[ky] == 0) {
            continue;
        }
        const int8_t *x = rows[ky] + (uint32_t)first * p->channels + c;
        for (int32_t i = first; i < end; i++) {
            largest = sapmcu_max_s8x4(largest, sapmcu_load_s8x4(x));
            x += p->channels;
        }
    }
    return largest;
}

/* Channels that make no four. */
static int32_t window_max_of_one(const sapmcu_pool2d_s8_params *p, const int8_t *const *rows, int32_t first,
                                 int32_t end, uint32_t c) {
    int32_t largest = INT8_MIN;
    for (uint32_t ky = 0; ky < p->kernel_height; ky++) {
        for (int32_t i = first; rows[ky] != 0 && i < end; i++) {
            const int32_t x = rows[ky][(uint32_t)i * p->channels + c];
            largest = x > largest ? x : largest;
        }
    }
    return largest;
}

void sapmcu_max_pool2d_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_pool2d_s8_params *const p = params;
    const sapmcu_clamp_s8x4 clamp = sapmcu_make_clamp(p->low, p->high);
    int32_t column = -(int32_t)p->pad_left;
    (void)scratch;
    for (uint32_t ox = 0; ox < p->out_width; ox++) {
        const int32_t first = column < 0 ? 0 : column, last = column + p->kernel_width;
        const int32_t end = last < p->in_width ? last : p->in_width;
        uint32_t c = 0;
        for (; c + 4 <= p->channels; c += 4, y += 4) {
            sapmcu_store_s8x4(y, sapmcu_clamped_s8x4(clamp, window_max(p, rows, first, end, c)));
        }
        for (; c < p->channels; c++) {
            *y++ = sapmcu_clamp(window_max_of_one(p, rows, first, end, c), p->low, p->high);
        }
        column += p->stride_width;
    }
}
