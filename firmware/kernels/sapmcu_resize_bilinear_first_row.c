/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/resize.h"

#include "resize_position.h"

uint32_t sapmcu_resize_bilinear_first_row(const sapmcu_resize_bilinear_s8_params *params, uint32_t row,
                                          uint32_t *has_second) {
    sapmcu_resize_position place =
        sapmcu_locate(row, params->row_step, params->row_origin, params->in_height);
    *has_second = place.weight != 0;
    return place.first;
}
