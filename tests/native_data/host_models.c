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

enum { MAX_INPUTS = 8 };

/* By index, the inputs that come by rows. */
static int8_t *whole_inputs[MAX_INPUTS];

static void read_row(void *context, const sapmcu_input_row *wanted) {
    const sapmcu_model *model = context;
    const uint32_t start = wanted->row * model->rows->row_bytes[wanted->input];
    memcpy(wanted->data, whole_inputs[wanted->input] + start + wanted->offset_bytes, wanted->bytes);
}

static void take_inputs(const sapmcu_model *model) {
    for (uint32_t i = 0; i < model->input_count; i++) {
        const sapmcu_tensor *input = &model->inputs[i];
        if (input->data != NULL) {
            take(input->data, input->bytes);
        } else if (i < MAX_INPUTS) {
            whole_inputs[i] = malloc(input->bytes);
            take(whole_inputs[i], input->bytes);
        }
    }
}

static int invoke(const sapmcu_model *model) {
    if (model->rows == NULL) {
        return model->invoke();
    }
    sapmcu_invoke_by_rows(model->rows, read_row, (void *)(uintptr_t)model);
    for (uint32_t i = 0; i < MAX_INPUTS; i++) {
        free(whole_inputs[i]);
        whole_inputs[i] = NULL;
    }
    return 0;
}

int main(void) {
    uint32_t request[2];
    while (fread(request, 1, sizeof request, stdin) == sizeof request) {
        const sapmcu_model *model = sapmcu_models[request[0]];
        memset(model->arena, 0xA5, model->arena_bytes);
        poison_ranges(model->arena, request[1]);
        take_inputs(model);
        if (invoke(model) != 0) {
            return 3;
        }
        ASAN_UNPOISON_MEMORY_REGION(model->arena, model->arena_bytes);
        fwrite(model->arena, 1, model->arena_bytes, stdout);
        fflush(stdout);
    }
    return 0;
}
