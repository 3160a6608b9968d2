/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "sapmcu/row_kernels.h"

void sapmcu_binary_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_binary_row_s8_params *const p = params;
    const int8_t *left = p->x != NULL ? p->x : *rows++;
    const int8_t *right = p->y != NULL ? p->y : *rows++;
    (void)scratch;
    if (p->step_bytes > 0) {
        const uint32_t *const index = (const uint32_t *)(const void *)*rows;
        const uint32_t offset_bytes = *index * p->step_bytes;
        left += p->x != NULL ? offset_bytes : 0;
        right += p->y != NULL ? offset_bytes : 0;
    }
    if (p->geometry.loop_count == 0) {
        p->kernel(p->params, &p->geometry.run, left, right, y);
    } else {
        sapmcu_run_binary(&p->geometry, p->kernel, p->params, left, right, y);
    }
}
