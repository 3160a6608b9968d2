/* SPDX-License-Identifier: Apache-2.0 */
/* Run the models of sapmcu_models on this host, for tests. A request on stdin: the model's index, a count of
 * ranges of its arena that nothing may touch, each range's start and end, and the inputs. The answer is the
 * arena. */
#include "sapmcu/model.h"

#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void take(void *data, size_t bytes) {
    if (fread(data, 1, bytes, stdin) != bytes) {
        exit(2);
    }
}

static void poison_ranges(int8_t *arena, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        uint32_t range[2];
        take(range, sizeof range);
        ASAN_POISON_MEMORY_REGION(arena + range[0], range[1] - range[0]);
    }
}

static const int8_t *whole_input;

static void read_row(void *context, const sapmcu_input_row *wanted) {
    const sapmcu_model *model = context;
    const uint32_t start = wanted->row * model->rows->row_bytes[wanted->input];
    memcpy(wanted->data, whole_input + start + wanted->offset_bytes, wanted->bytes);
}

/* Inputs into the arena; the one that comes by rows is returned, for the caller to free. */
static void *take_inputs(const sapmcu_model *model) {
    int8_t *by_rows = NULL;
    for (uint32_t i = 0; i < model->input_count; i++) {
        const sapmcu_tensor *input = &model->inputs[i];
        if (input->data == NULL) {
            by_rows = malloc(input->bytes);
        }
        take(input->data == NULL ? by_rows : input->data, input->bytes);
    }
    return by_rows;
}

static int invoke(const sapmcu_model *model, int8_t *by_rows) {
    if (model->rows == NULL) {
        return model->invoke();
    }
    whole_input = by_rows;
    sapmcu_invoke_by_rows(model->rows, read_row, (void *)(uintptr_t)model);
    return 0;
}

int main(void) {
    uint32_t request[2];
    while (fread(request, 1, sizeof request, stdin) == sizeof request) {
        const sapmcu_model *model = sapmcu_models[request[0]];
        memset(model->arena, 0xA5, model->arena_bytes);
        poison_ranges(model->arena, request[1]);
        void *by_rows = take_inputs(model);
        if (invoke(model, by_rows) != 0) {
            return 3;
        }
        free(by_rows);
        ASAN_UNPOISON_MEMORY_REGION(model->arena, model->arena_bytes);
        fwrite(model->arena, 1, model->arena_bytes, stdout);
        fflush(stdout);
    }
    return 0;
}
