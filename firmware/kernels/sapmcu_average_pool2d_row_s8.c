/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/pool2d.h"
#include "sapmcu/requantize.h"

/* The sum of channel c over columns first..end-1. */
static int32_t window_sum(const sapmcu_pool2d_s8_params *p, const int8_t *const *rows, int32_t first,
                          int32_t end, uint32_t c) {
    int32_t sum = 0;
    for (uint32_t ky = 0; ky < p->kernel_height; ky++) {
        if (rows[ky] == 0) {
            continue;
        }
        const int8_t *x = rows[ky] + (uint32_t)first * p->channels + c;
        for (int32_t i = first; i < end; i++) {
            sum += *x;
            x += p->channels;
        }
    }
    return sum;
}

void sapmcu_average_pool2d_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_pool2d_s8_params *const p = params;
    int32_t column = -(int32_t)p->pad_left, height = 0;
    (void)scratch;
    for (uint32_t ky = 0; ky < p->kernel_height; ky++) {
        height += rows[ky] != 0;
    }
    for (uint32_t ox = 0; ox < p->out_width; ox++) {
        const int32_t first = column < 0 ? 0 : column, last = column + p->kernel_width;
        const int32_t end = last < p->in_width ? last : p->in_width;
        const int32_t count = height * (end - first);
        for (uint32_t c = 0; c < p->channels; c++) {
            const int32_t sum = window_sum(p, rows, first, end, c);
            const int32_t half = sum > 0 ? count / 2 : -(count / 2);
            *y++ = sapmcu_clamp((sum + half) / count, p->low, p->high);
        }
        column += p->stride_width;
    }
}
