/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/rows.h"

void sapmcu_run_rows(const sapmcu_rows *geometry, sapmcu_row_fn *row, const void *params, const int8_t *x,
                     int8_t *y, void *scratch) {
    const int8_t *rows[SAPMCU_MAX_WINDOW];
    int32_t top = -(int32_t)geometry->pad_top;
    for (uint32_t o = 0; o < geometry->out_rows; o++) {
        int32_t i = top;
        for (uint32_t k = 0; k < geometry->window; k++) {
            const int is_inside = i >= 0 && i < geometry->in_rows;
            rows[k] = is_inside ? x + (uint32_t)i * geometry->in_row_bytes : geometry->zero_row;
            i += geometry->dilation;
        }
        row(params, rows, y, scratch);
        y += geometry->out_row_bytes;
        top += geometry->stride;
    }
}
