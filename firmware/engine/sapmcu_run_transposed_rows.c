/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/rows.h"

void sapmcu_run_transposed_rows(const sapmcu_rows *geometry, sapmcu_row_fn *row, const void *params,
                                const int8_t *x, int8_t *y, void *scratch) {
    const int8_t *rows[SAPMCU_MAX_WINDOW];
    for (int32_t o = 0; o < geometry->out_rows; o++) {
        for (int32_t k = 0; k < geometry->window; k++) {
            const int32_t distance = o + geometry->pad_top - k * geometry->dilation;
            const int32_t i = distance / geometry->stride;
            const int is_inside = distance >= 0 && distance % geometry->stride == 0 && i < geometry->in_rows;
            rows[k] = is_inside ? x + (uint32_t)i * geometry->in_row_bytes : geometry->zero_row;
        }
        row(params, rows, y, scratch);
        y += geometry->out_row_bytes;
    }
}
