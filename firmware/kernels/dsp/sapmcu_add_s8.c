/* SPDX-License-Identifier: Apache-2.0 */
#include "sums.h"

void sapmcu_add_s8(const void *params, const sapmcu_binary_run *run, const int8_t *x, const int8_t *y,
                   int8_t *z) {
    const sapmcu_sum_s8_params *const p = params;
    if (p->z_shift < 0) {
        sapmcu_sums_dsp(p, run, x, y, z, 1);
    } else {
        sapmcu_sums_unshifted(p, run, x, y, z, 1);
    }
}
