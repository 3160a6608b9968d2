/* SPDX-License-Identifier: Apache-2.0 */
/* 36 instructions for 16 products. In assembly, since it takes all registers. */
#include "sapmcu/lanes.h"

#include "v6m.h"

/* r0: x; r1: filter; r2, r3: the block; r4, r5: products; r6: four numbers of the filter, r7: one.
 * r8..r11: sums; r12: end of x; lr: 2^15. */
#define TAP                                                                                                  \
    "ldm    r0!, {r4, r5}       \n"                                                                          \
    "muls   r4, r7, r4          \n"                                                                          \
    "muls   r5, r7, r5          \n"                                                                          \
    "adds   r2, r2, r4          \n"                                                                          \
    "adds   r3, r3, r5          \n"
#define BLOCK                                                                                                \
    "ldm    r1!, {r6}           \n"                                                                          \
    "ldm    r0!, {r2, r3}       \n"                                                                          \
    "sxtb   r7, r6              \n"                                                                          \
    "muls   r2, r7, r2          \n"                                                                          \
    "muls   r3, r7, r3          \n"                                                                          \
    "lsls   r7, r6, #16         \n"                                                                          \
    "asrs   r7, r7, #24         \n" TAP "lsls   r7, r6, #8          \n"                                      \
    "asrs   r7, r7, #24         \n" TAP "asrs   r7, r6, #24         \n" TAP "add    r2, lr              \n"  \
    "add    r8, r2              \n"                                                                          \
    "asrs   r2, r2, #16         \n"                                                                          \
    "add    r9, r2              \n"                                                                          \
    "add    r3, lr              \n"                                                                          \
    "add    r10, r3             \n"                                                                          \
    "asrs   r3, r3, #16         \n"                                                                          \
    "add    r11, r3             \n"

/* sp: x, and 1 if there is an odd number of blocks; sums; channels left. */
SAPMCU_NAKED const uint32_t *sapmcu_add_lanes(__attribute__((unused)) const uint32_t *x,
                                              __attribute__((unused)) const uint32_t *filter,
                                              __attribute__((unused)) const uint32_t *x_end,
                                              __attribute__((unused)) sapmcu_lane_sums *sums,
                                              __attribute__((unused)) uint32_t channels) {
    __asm__(".syntax unified            \n"
            "push   {r4-r7, lr}         \n"
            "mov    r4, r8              \n"
            "mov    r5, r9              \n"
            "mov    r6, r10             \n"
            "mov    r7, r11             \n"
            "push   {r4-r7}             \n"
            "ldr    r4, [sp, #36]       \n" /* channels */
            "subs   r5, r2, r0          \n" /* 32 bytes a block */
            "lsrs   r5, r5, #5          \n"
            "lsls   r5, r5, #31         \n"
            "lsrs   r5, r5, #31         \n"
            "orrs   r0, r5              \n"
            "push   {r0, r3, r4}        \n"
            "mov    r12, r2             \n"
            "movs   r2, #128            \n"
            "lsls   r2, r2, #8          \n"
            "mov    lr, r2              \n"
            "1:                         \n"
            "ldr    r2, [sp, #4]        \n"
            "ldm    r2!, {r4-r7}        \n"
            "mov    r8, r4              \n"
            "mov    r9, r5              \n"
            "mov    r10, r6             \n"
            "mov    r11, r7             \n"
            "ldr    r0, [sp]            \n"
            "lsrs   r2, r0, #1          \n"
            "bcc    2f                  \n"
            "subs   r0, r0, #1          \n"
            "b      3f                  \n"
            "2:                         \n" BLOCK "3:                         \n" BLOCK
            "cmp    r0, r12             \n"
            "bne    2b                  \n"
            "mov    r4, r8              \n"
            "mov    r5, r9              \n"
            "mov    r6, r10             \n"
            "mov    r7, r11             \n"
            "ldr    r2, [sp, #4]        \n"
            "stm    r2!, {r4-r7}        \n"
            "str    r2, [sp, #4]        \n"
            "ldr    r3, [sp, #8]        \n"
            "subs   r3, r3, #1          \n"
            "str    r3, [sp, #8]        \n"
            "bne    1b                  \n"
            "movs   r0, r1              \n"
            "add    sp, sp, #12         \n"
            "pop    {r4-r7}             \n"
            "mov    r8, r4              \n"
            "mov    r9, r5              \n"
            "mov    r10, r6             \n"
            "mov    r11, r7             \n"
            "pop    {r4-r7, pc}         \n");
}
