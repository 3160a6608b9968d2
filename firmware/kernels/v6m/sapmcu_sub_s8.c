/* SPDX-License-Identifier: Apache-2.0 */
#include "sums.h"

void sapmcu_sub_s8(const void *params, const sapmcu_binary_run *run, const int8_t *x, const int8_t *y,
                   int8_t *z) {
    sapmcu_sums_v6m(params, run, x, y, z, -1);
}
