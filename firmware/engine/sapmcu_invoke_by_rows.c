/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/model.h"

void sapmcu_invoke_by_rows(const sapmcu_row_inputs *rows, sapmcu_read_row_fn *read, void *context) {
    rows->restart();
    while (rows->advance()) {
        sapmcu_input_row next;
        rows->find(&next);
        read(context, &next);
        rows->take();
    }
}
