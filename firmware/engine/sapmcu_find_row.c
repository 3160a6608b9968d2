/* SPDX-License-Identifier: Apache-2.0 */
#include "cascade_tables.h"

void sapmcu_find_row(const sapmcu_cascade *cascade, int8_t *arena, const sapmcu_progress *progress,
                     sapmcu_input_row *next) {
    const sapmcu_row_run run = sapmcu_run_at(cascade, progress->run);
    const sapmcu_row_form *const form = &cascade->forms[run.form];
    const sapmcu_input_part *const part = form->params;
    const uint32_t step = run.first + progress->rows;
    next->data = sapmcu_row_at(&cascade->stores[form->store], arena, form->first_row + step);
    next->input = form->op;
    next->row = step;
    next->offset_bytes = part->offset_bytes;
    next->bytes = part->bytes;
}
