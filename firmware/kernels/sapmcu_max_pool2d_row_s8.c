/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/pool2d.h"
#include "sapmcu/requantize.h"

void sapmcu_max_pool2d_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_pool2d_s8_params *const p = params;
    int32_t column = -(int32_t)p->pad_left;
    (void)scratch;
    for (uint32_t ox = 0; ox < p->out_width; ox++) {
        const int32_t first = column < 0 ? 0 : column, last = column + p->kernel_width;
        const int32_t end = last < p->in_width ? last : p->in_width;
        for (uint32_t c = 0; c < p->channels; c++) {
            int32_t largest = INT8_MIN;
            for (uint32_t ky = 0; ky < p->kernel_height; ky++) {
                for (int32_t i = first; rows[ky] != 0 && i < end; i++) {
                    const int32_t x = rows[ky][(uint32_t)i * p->channels + c];
                    largest = x > largest ? x : largest;
                }
            }
            *y++ = sapmcu_clamp(largest, p->low, p->high);
        }
        column += p->stride_width;
    }
}
