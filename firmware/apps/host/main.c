/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the first of sapmcu_models on the machine that compiled it: for each set of inputs on standard input
 * the outputs on standard output, raw bytes, until the input ends. */
#include "sapmcu/model.h"

#include <stdio.h>

static int take_inputs(const sapmcu_model *model) {
    for (uint32_t i = 0; i < model->input_count; i++) {
        const sapmcu_tensor *const input = &model->inputs[i];
        if (fread(input->data, 1, input->bytes, stdin) != input->bytes) {
            return 0;
        }
    }
    return 1;
}

static int give_outputs(const sapmcu_model *model) {
    for (uint32_t i = 0; i < model->output_count; i++) {
        const sapmcu_tensor *const output = &model->outputs[i];
        if (fwrite(output->data, 1, output->bytes, stdout) != output->bytes) {
            return 0;
        }
    }
    return 1;
}

int main(void) {
    const sapmcu_model *const model = sapmcu_models[0];
    while (take_inputs(model)) {
        if (model->invoke() != 0 || !give_outputs(model)) {
            return 1;
        }
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
