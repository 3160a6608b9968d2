/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_GATHER_H
#define SAPMCU_GATHER_H

/* Entries of a tensor by position, of any type. */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* x [batches, outer, size, entry], positions [batches, positions] int32 -> y [batches, outer, positions,
 * entry]. */
typedef struct {
    uint32_t batches, outer;
    uint32_t size;        /* entries along the axis, 1 or more */
    uint32_t positions;   /* of each batch */
    uint32_t entry_bytes; /* one entry and all axes behind */
} sapmcu_gather_params;

/* positions: in flash or computed, 4-byte aligned. A position outside 0..size-1 takes the nearest entry, so
 * that no data can make it read foreign memory (TFLM does). y overlaps neither x nor positions. */
void sapmcu_gather(const sapmcu_gather_params *params, const void *x, const int32_t *positions, void *y);

#ifdef __cplusplus
}
#endif

#endif
