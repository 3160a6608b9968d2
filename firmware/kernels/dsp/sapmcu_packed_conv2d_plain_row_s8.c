/* SPDX-License-Identifier: Apache-2.0 */
#include "packed_products.h"
#include "pixel_pairs.h"

static const sapmcu_products_core core = {sapmcu_compute_packed, sapmcu_compute_packed_single,
                                          SAPMCU_PACKED_STEPS, 0, SAPMCU_ONLY_EVEN | SAPMCU_ONE_ROW};

void sapmcu_packed_conv2d_plain_row_s8(const void *params, const int8_t *const *rows, int8_t *y,
                                       void *scratch) {
    const sapmcu_packed_conv2d_s8_params *const p = params;
    sapmcu_convolve_row(&core, params, rows, y, scratch);
    if (p->low > INT8_MIN || p->high < INT8_MAX) {
        sapmcu_clamp_row(y, y + (uint32_t)p->out_width * p->out_channels, p->low, p->high);
    }
}
