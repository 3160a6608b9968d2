/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/gather.h"

#include "copy_run.h"

static uint32_t nearest_entry(int32_t position, uint32_t size) {
    return position < 0 ? 0 : (uint32_t)position < size ? (uint32_t)position : size - 1;
}

void sapmcu_gather(const sapmcu_gather_params *params, const void *x, const int32_t *positions, void *y) {
    const uint8_t *block = x;
    uint8_t *to = y;
    for (uint32_t batch = 0; batch < params->batches; batch++) {
        for (uint32_t outer = 0; outer < params->outer; outer++) {
            for (uint32_t i = 0; i < params->positions; i++) {
                const uint8_t *from = block + nearest_entry(positions[i], params->size) * params->entry_bytes;
                sapmcu_copy_run(to, from, params->entry_bytes);
                to += params->entry_bytes;
            }
            block += params->size * params->entry_bytes;
        }
        positions += params->positions;
    }
}
