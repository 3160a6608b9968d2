/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_STEPS_H
#define SAPMCU_STEPS_H

/* What must happen to registers, as data: generated from the board's file. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    SAPMCU_STEP_WRITE,  /* value */
    SAPMCU_STEP_CHANGE, /* the bits of mask to those of value */
    SAPMCU_STEP_WAIT,   /* until the bits of mask are those of value, but not for ever */
    SAPMCU_STEP_PAIRS,  /* at address, at most value of them: an address and the word to write there */
    SAPMCU_STEP_PAUSE,  /* value turns of an empty loop */
} sapmcu_step_action;

typedef struct {
    sapmcu_step_action action;
    uint32_t address;
    uint32_t mask;
    uint32_t value;
} sapmcu_step;

typedef struct {
    const sapmcu_step *steps;
    size_t count;
} sapmcu_steps;

/* Take one step. False where it waited in vain. */
bool sapmcu_take_step(const sapmcu_step *step);

/* Take the steps in their order, up to the first that fails: its number from 1, 0 where none does. Uses no
 * static data. */
uint32_t sapmcu_take_steps(const sapmcu_steps *steps);

#define SAPMCU_REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

#endif
