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

uint32_t sapmcu_selftest(const sapmcu_model *model, const sapmcu_selftest_vector *vector) {
    for (uint32_t i = 0; i < model->input_count; i++) {
        if (model->inputs[i].data != NULL) {
            memcpy(model->inputs[i].data, vector->inputs[i], model->inputs[i].bytes);
        }
    }
    if (model->rows != NULL) {
        run_by_rows(model->rows, vector->inputs);
    } else if (model->invoke() != 0) {
        return UINT32_MAX;
    }
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < model->output_count; i++) {
        const uint8_t *output = (const uint8_t *)model->outputs[i].data;
        for (uint32_t j = 0; j < model->outputs[i].bytes; j++) {
            wrong += output[j] != vector->outputs[i][j];
        }
    }
    return wrong;
}
