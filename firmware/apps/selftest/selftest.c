/* SPDX-License-Identifier: Apache-2.0 */
#include "selftest.h"

#include <string.h>

/* Inputs that come by rows: what the model asks for, until it asks for nothing. */
static void run_by_rows(const sapmcu_row_inputs *rows, const uint8_t *const *inputs) {
    rows->restart();
    while (rows->advance() != 0) {
        sapmcu_input_row next;
        rows->find(&next);
        const uint32_t offset = next.row * rows->row_bytes[next.input] + next.offset_bytes;
        memcpy(next.data, inputs[next.input] + offset, next.bytes);
        rows->take();
    }
}

/* The bytes that differ. */
static uint32_t count_wrong(const void *found, const uint8_t *expected, uint32_t bytes) {
    const uint8_t *const output = (const uint8_t *)found;
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < bytes; i++) {
        wrong += output[i] != expected[i];
    }
    return wrong;
}

typedef struct {
    const uint8_t *const *outputs;
    uint32_t wrong, bytes; /* bytes: that have come */
} taken_rows;

/* A row of an output that goes by rows. */
static void take_row(void *context, const sapmcu_output_row *row) {
    taken_rows *const taken = (taken_rows *)context;
    taken->wrong += count_wrong(row->data, taken->outputs[row->output] + row->row * row->bytes, row->bytes);
    taken->bytes += row->bytes;
}

uint32_t sapmcu_selftest(const sapmcu_model *model, const sapmcu_selftest_vector *vector) {
    for (uint32_t i = 0; i < model->input_count; i++) {
        if (model->inputs[i].data != NULL) {
            memcpy(model->inputs[i].data, vector->inputs[i], model->inputs[i].bytes);
        }
    }
    taken_rows taken = {vector->outputs, 0, 0};
    if (model->taker != NULL) {
        model->taker->write = take_row;
        model->taker->context = &taken;
    }
    if (model->rows != NULL) {
        run_by_rows(model->rows, vector->inputs);
    } else if (model->invoke() != 0) {
        return UINT32_MAX;
    }
    uint32_t wrong = taken.wrong, missing = 0;
    for (uint32_t i = 0; i < model->output_count; i++) {
        if (model->outputs[i].data != NULL) {
            wrong += count_wrong(model->outputs[i].data, vector->outputs[i], model->outputs[i].bytes);
        } else {
            missing += model->outputs[i].bytes;
        }
    }
    return wrong + (missing - taken.bytes);
}
