/* SPDX-License-Identifier: Apache-2.0 */
/* A file of its own: two kernels share it. In assembly: compilers don't form LDM. */
#include "packed_windows.h"

/* gcc must not conclude from an empty body which registers stay as they are. */
#if defined(__clang__)
#define SAPMCU_WINDOWS_ASSEMBLY __attribute__((naked, noinline))
#else
#define SAPMCU_WINDOWS_ASSEMBLY __attribute__((naked, noinline, noipa))
#endif

/* sp: windows, window_bytes, filter, y_end. r0..r4: the window; r11: y; r12: filter; lr: filter_end. */
SAPMCU_WINDOWS_ASSEMBLY void sapmcu_compute_windows(__attribute__((unused))
                                                    const sapmcu_packed_windows *state) {
    __asm__(".syntax unified              \n"
            "push   {r4-r11, lr}          \n"
            "ldm    r0, {r1-r4, r11, lr}  \n"
            "push   {r1-r4}               \n"
            "1:                           \n"
            "ldm    sp, {r1, r2, r12}     \n"
            "add    r2, r2, r1            \n"
            "str    r2, [sp]              \n"
            "ldm    r1, {r0-r4}           \n"
            "2:                           \n"
            "ldm    r12!, {r5-r10}        \n"
            "smlad  r5, r0, r6, r5        \n"
            "smlad  r5, r1, r7, r5        \n"
            "smlad  r5, r2, r8, r5        \n"
            "smlad  r5, r3, r9, r5        \n"
            "smlad  r5, r4, r10, r5       \n"
            "ldrd   r6, r7, [r12], #8     \n"
            "smmla  r5, r5, r6, r7        \n"
            "ssat   r5, #8, r5, asr #12   \n"
            "strb   r5, [r11], #1         \n"
            "cmp    r12, lr               \n"
            "bne    2b                    \n"
            "ldr    r0, [sp, #12]         \n"
            "cmp    r11, r0               \n"
            "bne    1b                    \n"
            "add    sp, sp, #16           \n"
            "pop    {r4-r11, pc}          \n");
}
