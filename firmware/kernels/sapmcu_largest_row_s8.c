/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "sapmcu/requantize.h"
#include "sapmcu/row_kernels.h"

/* Each step clamps: that is no other result than to clamp the last. */
void sapmcu_largest_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_largest_row_s8_params *const p = params;
    (void)scratch;
    for (uint32_t c = 0; c < p->channels; c++) {
        const int8_t *x = rows[0] + c;
        int32_t largest = rows[1] != NULL ? y[c] : INT8_MIN;
        for (uint32_t i = 0; i < p->width; i++) {
            largest = *x > largest ? *x : largest;
            x += p->channels;
        }
        y[c] = sapmcu_clamp(largest, p->low, p->high);
    }
}
