/* SPDX-License-Identifier: Apache-2.0 */
#include "steps.h"

enum {
    /* A poll takes five cycles or more: at least 10 ms at 480 MHz. Crystals and PLLs take up to 5 ms. */
    MAX_POLLS = 1000000,
};

#define NO_ADDRESS 0xFFFFFFFFu /* erased */

static bool wait_for(const sapmcu_step *step) {
    for (uint32_t polls = 0; polls < MAX_POLLS; ++polls) {
        if ((SAPMCU_REGISTER(step->address) & step->mask) == step->value) {
            return true;
        }
    }
    return false;
}

static void write_pairs(const sapmcu_step *step) {
    for (uint32_t i = 0; i < step->value; ++i) {
        const uint32_t pair = step->address + 8u * i;
        const uint32_t address = SAPMCU_REGISTER(pair);
        if (address == NO_ADDRESS) {
            return;
        }
        SAPMCU_REGISTER(address) = SAPMCU_REGISTER(pair + 4u);
    }
}

static void pause(uint32_t turns) {
    for (uint32_t i = 0; i < turns; ++i) {
        __asm__ volatile("" ::: "memory");
    }
}

/* Reading a register back makes sure that the write has arrived: the peripheral whose clock it turns on is
 * accessed some cycles later. Not inlined: emulators that have no such registers look at each step here. */
__attribute__((noinline)) bool sapmcu_take_step(const sapmcu_step *step) {
    volatile uint32_t *reg = &SAPMCU_REGISTER(step->address);
    switch (step->action) {
    case SAPMCU_STEP_WRITE:
        *reg = step->value;
        break;
    case SAPMCU_STEP_CHANGE:
        *reg = (*reg & ~step->mask) | step->value;
        (void)*reg;
        break;
    case SAPMCU_STEP_WAIT:
        return wait_for(step);
    case SAPMCU_STEP_PAIRS:
        write_pairs(step);
        break;
    case SAPMCU_STEP_PAUSE:
        pause(step->value);
        break;
    }
    return true;
}

uint32_t sapmcu_take_steps(const sapmcu_steps *steps) {
    for (uint32_t i = 0; i < steps->count; ++i) {
        if (!sapmcu_take_step(&steps->steps[i])) {
            return i + 1;
        }
    }
    return 0;
}
