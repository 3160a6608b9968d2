/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_COPY_H
#define SAPMCU_COPY_H

/* Moving data of any type: concatenation, split, slices, transpose, space and depth, pack, reverse,
 * broadcast. */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One loop of a copy: `count` steps, each this many bytes further in x and in y. 0 repeats, negative
 * reverses. */
typedef struct {
    uint32_t count; /* 1 or more */
    int32_t x_stride_bytes;
    int32_t y_stride_bytes;
} sapmcu_copy_loop;

enum { SAPMCU_COPY_MAX_LOOPS = 6 };

/* Runs of bytes that lie together in x and in y, inside nested loops. */
typedef struct {
    const sapmcu_copy_loop *loops; /* the outermost first */
    uint32_t loop_count;           /* 0..SAPMCU_COPY_MAX_LOOPS */
    uint32_t run_bytes;            /* 1 or more */
    uint32_t x_offset_bytes;       /* of the first run */
    uint32_t y_offset_bytes;
} sapmcu_copy_params;

/* Copy. No alignment is asked for. The bytes read and the bytes written don't overlap; x and y may be one
 * tensor. */
void sapmcu_copy(const sapmcu_copy_params *params, const void *x, void *y);

/* Write `count` elements of element_bytes (1, 2, 4 or 8) bytes each, all like *element. y doesn't hold
 * element. */
void sapmcu_fill(const void *element, uint32_t element_bytes, void *y, uint32_t count);

#ifdef __cplusplus
}
#endif

#endif
