/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "sapmcu/row_kernels.h"

void sapmcu_sum_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_sum_row_s8_params *const p = params;
    (void)scratch;
    for (uint32_t c = 0; c < p->channels; c++) {
        const int8_t *x = rows[0] + c;
        int32_t sum = rows[1] != NULL ? sapmcu_sum_at(y, c, p->is_narrow) : 0;
        for (uint32_t i = 0; i < p->width; i++) {
            sum += *x;
            x += p->channels;
        }
        sapmcu_set_sum(y, c, p->is_narrow, sum);
    }
}
