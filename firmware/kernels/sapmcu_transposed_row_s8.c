/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "sapmcu/row_kernels.h"

void sapmcu_transposed_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_transposed_row_s8_params *const p = params;
    const int8_t *taps[SAPMCU_MAX_WINDOW];
    const uint32_t *const index = (const uint32_t *)(const void *)rows[p->window];
    const uint32_t top = *index + p->pad_top, last = top / p->stride;
    const uint32_t first = last + 1 > p->window ? last + 1 - p->window : 0;
    for (uint32_t k = 0; k < p->product.kernel_height; k++) {
        const int is_met = k <= top && (top - k) % p->stride == 0 && (top - k) / p->stride >= first;
        taps[k] = is_met ? rows[(top - k) / p->stride - first] : NULL;
    }
    sapmcu_transpose_conv2d_row_s8(&p->product, taps, y, scratch);
}
