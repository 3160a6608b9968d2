/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_BOARD_H
#define SAPMCU_BOARD_H

/* What startup must know of a board; one const struct, generated from the board's file. */

#include "sapmcu/port.h"
#include "sapmcu/small.h"
#include "steps.h"

/* A reason (one of SAPMCU_RESET_*) that holds where one of these bits of the register is set. */
typedef struct {
    uint32_t address;
    uint32_t bits;
    uint32_t reason;
} sapmcu_reset_flag;

typedef enum {
    SAPMCU_REGION_CODE,   /* read and executed, never written */
    SAPMCU_REGION_NONE,   /* nobody has any business there */
    SAPMCU_REGION_MEMORY, /* data outside the MCU, where the core would take it for a device */
} sapmcu_region_kind;

/* For the memory protection unit. bytes: a power of two of 32 or more, of which base is a multiple. */
typedef struct {
    uint32_t base;
    uint32_t bytes;
    sapmcu_region_kind kind;
} sapmcu_region;

/* start: always comes first, even before data lie in memory. clock: what makes the board fast, where that was
 * chosen; its last step is done before the core runs at clock_hz, and start_hz until then. forget: makes the
 * MCU forget why it was reset. */
typedef struct {
    sapmcu_steps start, clock, forget;
    uint32_t start_hz, clock_hz;
    const sapmcu_reset_flag *reset_flags;
    size_t reset_flag_count;
    const sapmcu_region *regions;
    size_t region_count;
    void (*enable_caches)(void); /* of the core; NULL where they stay off */
} sapmcu_board;

extern const sapmcu_board sapmcu_this_board;

/* Of startup, in this order. prepare: the steps `start`; the number of the one that failed, or 0. It uses no
 * static data. begin: all the rest, once static data are there. */
uint32_t sapmcu_board_prepare(void);
void sapmcu_board_begin(uint32_t failed_step);

/* The core's own. protect: the regions, where the core can; and the stack's limit. */
void sapmcu_protect_memory(const sapmcu_region *regions, size_t count);
void sapmcu_enable_caches(void);

/* The fault that ended the last program, NULL where none did; asked for once after a reset. */
const sapmcu_fault *sapmcu_last_fault(void);

#endif
