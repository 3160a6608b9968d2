/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_CASCADE_TABLES_H
#define SAPMCU_CASCADE_TABLES_H

/* How the tables of a cascade are read; for the engine only. */

#include "sapmcu/cascade.h"

typedef struct {
    uint32_t form, first, count;
} sapmcu_row_run;

static inline sapmcu_row_run sapmcu_run_at(const sapmcu_cascade *cascade, uint32_t index) {
    if (cascade->is_wide) {
        const uint16_t *const run = (const uint16_t *)cascade->runs + 3 * index;
        return (sapmcu_row_run){run[0], run[1], run[2]};
    }
    const uint8_t *const run = (const uint8_t *)cascade->runs + 3 * index;
    return (sapmcu_row_run){run[0], run[1], run[2]};
}

static inline int8_t *sapmcu_row_at(const sapmcu_row_store *store, int8_t *arena, uint32_t row) {
    const uint32_t i = store->ring ? row % store->ring : row;
    const uint32_t offset =
        store->offsets ? (uint32_t)store->offsets[i] << store->shift : i * store->pitch_bytes;
    return arena + store->base_bytes + offset;
}

#endif
