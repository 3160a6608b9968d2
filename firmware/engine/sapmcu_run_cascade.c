/* SPDX-License-Identifier: Apache-2.0 */
#include "cascade_tables.h"
#include "sapmcu/model.h"

/* The rows that one step reads. */
static const int8_t **find_rows(const sapmcu_row_reads *reads, const sapmcu_row_store *store, int8_t *arena,
                                uint32_t step, const int8_t **to) {
    int32_t row =
        reads->first_rows ? reads->first_rows[step] : (int32_t)(step * reads->stride) - reads->before;
    const int8_t **const end = to + reads->window;
    do {
        *to++ = (uint32_t)row < reads->rows ? sapmcu_row_at(store, arena, (uint32_t)row) + reads->offset_bytes
                                            : reads->zero_row;
        row += reads->dilation;
    } while (to < end);
    return to;
}

/* One step of a form. */
static void run_step(const sapmcu_cascade *cascade, const sapmcu_row_form *form, int8_t *arena,
                     uint32_t step) {
    const int8_t *rows[SAPMCU_MAX_WINDOW + 1];
    const int8_t **to = rows;
    const sapmcu_row_reads *const end = form->reads + form->read_count;
    const uint32_t row = form->first_row + (form->is_update ? 0 : step);
    int8_t *const y = sapmcu_row_at(&cascade->stores[form->store], arena, row) + form->offset_bytes;
    for (const sapmcu_row_reads *reads = form->reads; reads < end; reads++) {
        to = find_rows(reads, &cascade->stores[reads->store], arena, step, to);
    }
    if (form->is_numbered) {
        *to = (const int8_t *)(const void *)&step;
    } else if (form->is_update) {
        *to = step > 0 || form->is_continued ? y : NULL;
    }
    form->kernel(form->params, rows, y, arena + form->scratch_offset_bytes);
}

uint32_t sapmcu_run_cascade(const sapmcu_cascade *cascade, int8_t *arena, uint32_t from) {
    for (; from < cascade->run_count; from++) {
        const sapmcu_row_run run = sapmcu_run_at(cascade, from);
        const sapmcu_row_form *const form = &cascade->forms[run.form];
        if (form->kernel == NULL) {
            break;
        }
        SAPMCU_BEGIN_ROWS(form->op);
        for (uint32_t i = 0; i < run.count; i++) {
            run_step(cascade, form, arena, run.first + i);
        }
    }
    return from;
}
