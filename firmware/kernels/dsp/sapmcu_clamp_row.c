/* SPDX-License-Identifier: Apache-2.0 */
/* A file of its own: most kernels share it, few models need it. */
#include "dsp.h"

void sapmcu_clamp_row(int8_t *y, const int8_t *end, int32_t low, int32_t high) {
    for (; y < end; y++) {
        *y = sapmcu_clamp(*y, low, high);
    }
}
