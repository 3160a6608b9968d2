/* SPDX-License-Identifier: Apache-2.0 */
/* The stack as ld/sections.ld places it. */
#include "sapmcu/port.h"

#define PATTERN 0xA5A5A5A5u

/* sapmcu_stack_bytes is an absolute symbol: its address is the number. */
extern uint32_t sapmcu_stack_top[];
extern const char sapmcu_stack_bytes[];

static uint32_t *bottom(void) {
    return (uint32_t *)((uintptr_t)sapmcu_stack_top - (uintptr_t)sapmcu_stack_bytes);
}

/* In assembly, since a compiler may push registers after it has read sp. An interrupt may run meanwhile: its
 * frame is gone when painting goes on. */
__attribute__((naked)) void sapmcu_port_paint_stack(void) {
    __asm__ volatile(".syntax unified\n\t"
                     "ldr r0, =sapmcu_stack_top\n\t"
                     "ldr r1, =sapmcu_stack_bytes\n\t"
                     "ldr r2, =0xA5A5A5A5\n\t"
                     "mov r3, sp\n\t"
                     "subs r0, r0, r1\n"
                     "1:\n\t"
                     "stmia r0!, {r2}\n\t"
                     "cmp r0, r3\n\t"
                     "bcc 1b\n\t"
                     "bx lr\n\t"
                     ".ltorg");
}

__attribute__((naked)) uint32_t sapmcu_port_stack_depth(void) {
    __asm__ volatile(".syntax unified\n\t"
                     "ldr r0, =sapmcu_stack_top\n\t"
                     "mov r1, sp\n\t"
                     "subs r0, r0, r1\n\t"
                     "bx lr\n\t"
                     ".ltorg");
}

uint32_t sapmcu_port_stack_peak(void) {
    const volatile uint32_t *word = bottom();
    while (word < sapmcu_stack_top && *word == PATTERN) {
        ++word;
    }
    return (uint32_t)((uintptr_t)sapmcu_stack_top - (uintptr_t)word);
}

uint32_t sapmcu_port_stack_size(void) {
    return (uint32_t)(uintptr_t)sapmcu_stack_bytes;
}
