/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/model.h"

#include <string.h>

int sapmcu_push_row(const sapmcu_row_inputs *rows, const void *row) {
    sapmcu_input_row next;
    (void)rows->advance(); /* at the beginning of a run; else it waits already */
    rows->find(&next);
    memcpy(next.data, row, next.bytes);
    rows->take();
    return !rows->advance();
}
