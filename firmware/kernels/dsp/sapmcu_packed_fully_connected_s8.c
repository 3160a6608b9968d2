/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/packed_fully_connected.h"

#include "packed_products.h"
#include "vector_products.h"

static const sapmcu_products_core core = {0, sapmcu_compute_packed_single, SAPMCU_PACKED_STEPS, 0, 0};

void sapmcu_packed_fully_connected_s8(const sapmcu_packed_conv2d_s8_params *params, const int8_t *x,
                                      int8_t *y, void *scratch) {
    sapmcu_multiply_vector(&core, params, x, y, scratch);
    if (params->low > INT8_MIN || params->high < INT8_MAX) {
        sapmcu_clamp_row(y, y + params->out_channels, params->low, params->high);
    }
}
