/* SPDX-License-Identifier: Apache-2.0 */
#define SAPMCU_ONLY_SHIFT_0

#include "sapmcu/wide_conv2d.h"

#include "pixel_pairs.h"
#include "wide_products.h"

static const sapmcu_products_core core = {sapmcu_compute_wide, sapmcu_compute_wide_three,
                                          SAPMCU_WIDE_STEPS_OF_THREE, 0, SAPMCU_ONLY_EVEN};

void sapmcu_wide_conv2d_three_row_s8(const void *params, const int8_t *const *rows, int8_t *y,
                                     void *scratch) {
    const sapmcu_packed_conv2d_s8_params *const p = params;
    sapmcu_convolve_row(&core, params, rows, y, scratch);
    if (p->low > INT8_MIN || p->high < INT8_MAX) {
        sapmcu_clamp_row(y, y + (uint32_t)p->out_width * p->out_channels, p->low, p->high);
    }
}
