/* SPDX-License-Identifier: Apache-2.0 */
#include "dsp.h"
#include "sapmcu/binary.h"

void sapmcu_maximum_s8(const void *params, const sapmcu_binary_run *run, const int8_t *x, const int8_t *y,
                       int8_t *z) {
    const int8_t *const end = z + run->count;
    (void)params;
    if (run->x_step == 1 && run->y_step == 1) {
        for (; end - z >= 4; x += 4, y += 4, z += 4) {
            sapmcu_store_s8x4(z, sapmcu_max_s8x4(sapmcu_load_s8x4(x), sapmcu_load_s8x4(y)));
        }
    }
    for (; z < end; x += run->x_step, y += run->y_step) {
        *z++ = *x > *y ? *x : *y;
    }
}
