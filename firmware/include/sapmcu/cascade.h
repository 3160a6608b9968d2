/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_CASCADE_H
#define SAPMCU_CASCADE_H

/* Several ops interleaved row by row, so that of a tensor only the rows are kept that are still to be read.
 * In which order the rows are computed and where they lie is decided by the compiler: all of this is
 * constant. */

#include "sapmcu/model.h"
#include "sapmcu/rows.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Memory for the rows of a tensor. Row r lies in the arena at base_bytes + (offsets[i] << shift), or where
 * offsets is NULL at base_bytes + i * pitch_bytes; i = r, or r % ring where ring isn't 0: row r + ring takes
 * the place of row r. */
typedef struct {
    const uint16_t *offsets;
    uint32_t base_bytes;
    uint32_t pitch_bytes;
    uint16_t ring;
    uint8_t shift;
} sapmcu_row_store;

/* What step o of a form reads of a store: rows o * stride - before + k * dilation, k = 0..window-1, each from
 * offset_bytes on; where first_rows isn't NULL, first_rows[o] takes the place of o * stride - before. For a
 * row outside of 0..rows-1 the kernel gets zero_row, which may be NULL. */
typedef struct {
    const int8_t *zero_row;
    const uint16_t *first_rows;
    uint32_t offset_bytes;
    uint16_t store;
    uint16_t rows;
    uint16_t window, stride, dilation; /* stride 0: all steps read the same */
    int16_t before;
} sapmcu_row_reads;

/* An op, or a part of one. Step o computes row first_row + o of a store, from offset_bytes on, by one call of
 * the kernel with the rows of all reads, in their order, at most SAPMCU_MAX_WINDOW together.
 * is_update: all steps write row 0, as sums over rows do; behind its reads the kernel gets one row more: row
 * 0 as the step before left it, in step 0 NULL, or where is_continued as another form left it. y is that row,
 * too.
 * is_numbered: behind its reads the kernel gets the address of o, a uint32_t, as if it were a row.
 *
 * kernel NULL: rows of a model's input, which the application writes; params: sapmcu_input_part. Step o is
 * row o of the input. */
typedef struct {
    sapmcu_row_fn *kernel;
    const void *params;
    const sapmcu_row_reads *reads;
    uint32_t offset_bytes;
    uint32_t scratch_offset_bytes; /* of the kernel's scratch in the arena */
    uint16_t op;                   /* index in the graph, for emulators that count instructions op by op; of
                                      the input where kernel is NULL */
    uint16_t store, first_row;
    uint8_t read_count;
    uint8_t is_update, is_continued, is_numbered;
} sapmcu_row_form;

/* What is needed of each row of an input. */
typedef struct {
    uint32_t offset_bytes, bytes;
} sapmcu_input_part;

/* run_count runs, each three numbers: form, first step, count of steps. They are uint8_t; if is_wide,
 * uint16_t. */
typedef struct {
    const sapmcu_row_store *stores;
    const sapmcu_row_form *forms;
    const void *runs;
    uint16_t run_count;
    uint8_t is_wide;
} sapmcu_cascade;

/* Run the runs from number `from` on. Returns the number of the first run that the application has to make,
 * which is left to it; run_count at the end. */
uint32_t sapmcu_run_cascade(const sapmcu_cascade *cascade, int8_t *arena, uint32_t from);

/* Row o of an output for the application. */
typedef struct {
    sapmcu_row_taker *taker;
    uint32_t output, bytes; /* index; of a row */
} sapmcu_give_row_params;

/* params: sapmcu_give_row_params. rows: a row of the output, and the address of its index, a uint32_t. y:
 * nothing. */
sapmcu_row_fn sapmcu_give_row;

/* How far a cascade has come that waits for rows: the run that it stopped at, and how many rows of that run
 * are there. All 0 at the beginning. */
typedef struct {
    uint16_t run, rows;
} sapmcu_progress;

/* Run up to the next row of an input: 1. Or to the end: 0, with *progress at the beginning. */
int sapmcu_run_to_row(const sapmcu_cascade *cascade, int8_t *arena, sapmcu_progress *progress);

/* The row that sapmcu_run_to_row stopped at. Whoever has written it counts it in progress->rows. */
void sapmcu_find_row(const sapmcu_cascade *cascade, int8_t *arena, const sapmcu_progress *progress,
                     sapmcu_input_row *next);

#ifdef __cplusplus
}
#endif

#endif
