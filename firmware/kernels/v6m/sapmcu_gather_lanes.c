/* SPDX-License-Identifier: Apache-2.0 */
/* 12 instructions for four numbers. */
#include "sapmcu/lanes.h"

#include "v6m.h"

/* r0: to; r1: count, which goes up to 0; r2..r5: ends of the numbers; r6, r7: two of them. */
SAPMCU_NAKED uint32_t *sapmcu_gather_lanes(__attribute__((unused)) uint32_t *to,
                                           __attribute__((unused)) const int8_t *const at[4],
                                           __attribute__((unused)) uint32_t count) {
    __asm__(".syntax unified            \n"
            "push   {r4-r7, lr}         \n"
            "movs   r6, r2              \n"
            "ldm    r1!, {r2-r5}        \n"
            "adds   r2, r2, r6          \n"
            "adds   r3, r3, r6          \n"
            "adds   r4, r4, r6          \n"
            "adds   r5, r5, r6          \n"
            "rsbs   r1, r6, #0          \n"
            "1:                         \n"
            "ldrsb  r6, [r2, r1]        \n"
            "ldrsb  r7, [r3, r1]        \n"
            "lsls   r7, r7, #16         \n"
            "adds   r6, r6, r7          \n"
            "stm    r0!, {r6}           \n"
            "ldrsb  r6, [r4, r1]        \n"
            "ldrsb  r7, [r5, r1]        \n"
            "lsls   r7, r7, #16         \n"
            "adds   r6, r6, r7          \n"
            "stm    r0!, {r6}           \n"
            "adds   r1, r1, #1          \n"
            "bne    1b                  \n"
            "pop    {r4-r7, pc}         \n");
}
