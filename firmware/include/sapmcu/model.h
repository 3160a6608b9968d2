/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_MODEL_H
#define SAPMCU_MODEL_H

/* What an application must know of a model, whichever engine runs it. The generated source of a model fills
 * one `sapmcu_model`; the device protocol (sapmcu/protocol.h) serves a table of them. */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An input or an output: `bytes` raw little-endian bytes at `data`, in the arena or apart from it. */
typedef struct {
    void *data;
    uint32_t bytes;
} sapmcu_tensor;

/* What a model waits for of an input: `bytes` bytes of row `row` from offset_bytes on, most times all of it.
 * data: where they are to be written, in the arena. */
typedef struct {
    void *data;
    uint32_t input, row; /* indices */
    uint32_t offset_bytes, bytes;
} sapmcu_input_row;

/* Inputs that come row by row and are never in the arena as a whole. Which row comes next is the model's
 * choice: most take each once, from top to bottom; some take rows again.
 *
 * row_bytes: of each input; 0: the input comes whole, before the first row.
 * advance: run up to the next row; 1: find() says which, 0: the outputs are there, and the next call begins
 * again. find: the row that advance() stopped at. take: it has been written. restart: begin again. */
typedef struct {
    const uint32_t *row_bytes;
    int (*advance)(void);
    void (*find)(sapmcu_input_row *next);
    void (*take)(void);
    void (*restart)(void);
} sapmcu_row_inputs;

/* For cameras that deliver lines: the next row of the only input that comes by rows, each of which its model
 * takes once. 1: that was the last, the outputs are there until the next row; else 0. */
int sapmcu_push_row(const sapmcu_row_inputs *rows, const void *row);

/* Write what `wanted` says; context: the caller's. */
typedef void sapmcu_read_row_fn(void *context, const sapmcu_input_row *wanted);

/* Run a model once, for sources that have any row at any time. */
void sapmcu_invoke_by_rows(const sapmcu_row_inputs *rows, sapmcu_read_row_fn *read, void *context);

/* A row of an output that goes row by row and is never in the arena as a whole: `bytes` bytes at `data`,
 * valid until the function that gets it returns. Rows come from top to bottom; those of several outputs in
 * turn. */
typedef struct {
    const void *data;
    uint32_t output, row; /* indices */
    uint32_t bytes;
} sapmcu_output_row;

/* Take a row; context: the caller's. It must not run the model. */
typedef void sapmcu_write_row_fn(void *context, const sapmcu_output_row *row);

/* Who takes the rows of outputs, set before a run; write NULL: nobody. */
typedef struct {
    sapmcu_write_row_fn *write;
    void *context;
} sapmcu_row_taker;

/* All of it is constant: in flash. `data` of inputs is written before invoke(); invoke() may overwrite it,
 * since other tensors share its memory. `data` of outputs is valid until the next write to an input or the
 * next invoke().
 *
 * sha256: of the .tflite file. op_count: of the ops as invoke_ops() counts them.
 * invoke: run the model once; 0, or the engine's error.
 * invoke_ops: run only the first `count` ops (at most op_count), so that the tensors alive after them can be
 * read from the arena; NULL where the firmware can't.
 * rows: of a model with inputs that come by rows, whose `data` is NULL, as is its invoke; else NULL.
 * taker: of a model with outputs that go by rows, whose `data` is NULL; else NULL. */
typedef struct {
    const char *name;
    uint8_t sha256[32];
    uint16_t input_count;
    uint16_t output_count;
    uint16_t op_count;
    const sapmcu_tensor *inputs;
    const sapmcu_tensor *outputs;
    void *arena;
    uint32_t arena_bytes;
    int (*invoke)(void);
    int (*invoke_ops)(uint32_t count);
    const sapmcu_row_inputs *rows;
    sapmcu_row_taker *taker;
} sapmcu_model;

/* The models of this firmware; generated with them, read by the application. */
extern const sapmcu_model *const sapmcu_models[];
extern const uint32_t sapmcu_model_count;

/* Attributes of an arena, and of inputs and outputs that lie apart from it: aligned, and on the board in the
 * region that it has for them (ld/sections.ld).
 *     static SAPMCU_ARENA int8_t arena[1024]; */
#if defined(__arm__)
#define SAPMCU_ARENA   __attribute__((section(".bss.sapmcu_arena"), aligned(16)))
#define SAPMCU_INPUTS  __attribute__((section(".bss.sapmcu_inputs"), aligned(16)))
#define SAPMCU_OUTPUTS __attribute__((section(".bss.sapmcu_outputs"), aligned(16)))
#else
#define SAPMCU_ARENA   __attribute__((aligned(16)))
#define SAPMCU_INPUTS  __attribute__((aligned(16)))
#define SAPMCU_OUTPUTS __attribute__((aligned(16)))
#endif

/* Behind the call or calls of op `index` (an integer literal): notes this address in the ELF file, where an
 * emulator finds it to count instructions op by op. Costs no instruction and no byte of flash: the section
 * isn't loaded. Its name begins with .debug so that linkers drop the marks of functions that they drop. */
#if defined(__arm__)
#define SAPMCU_END_OP(index)                                                                                 \
    __asm__ volatile(".pushsection .debug_sapmcu_ops,\"\",%%progbits\n\t"                                    \
                     ".word 1f, " #index "\n\t"                                                              \
                     ".popsection\n"                                                                         \
                     "1:" ::                                                                                 \
                         : "memory")
#else
#define SAPMCU_END_OP(index) ((void)0)
#endif

/* Before rows of op `index` (any expression) are computed among those of others: notes this address, and as a
 * string the register that holds the index. */
#if defined(__arm__)
#define SAPMCU_BEGIN_ROWS(index)                                                                             \
    __asm__ volatile(".pushsection .debug_sapmcu_rows,\"\",%%progbits\n\t"                                   \
                     ".word 1f\n\t"                                                                          \
                     ".asciz \"%0\"\n\t"                                                                     \
                     ".popsection\n"                                                                         \
                     "1:" ::"r"((uint32_t)(index))                                                           \
                     : "memory")
#else
#define SAPMCU_BEGIN_ROWS(index) ((void)(index))
#endif

#ifdef __cplusplus
}
#endif

#endif
