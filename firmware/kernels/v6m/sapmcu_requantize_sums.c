/* SPDX-License-Identifier: Apache-2.0 */
/* Without a product of 64 bits. x = 2^16 a + b, multiplier = 2^16 c + d: of x * multiplier the lower 16 bits
 * of b * d don't count, since the rounding adds 2^30. What is left, (2^17 ac + ad + bc + bd / 2^16 + 2^14) /
 * 2^15, has 32 bits behind 2^17 ac if 2^30 is taken off: |ad| <= 2^30 and 0 <= bc < 2^31. */
#include "sapmcu/fours.h"
#include "sapmcu/requantize.h"

#include "v6m.h"

/* r1: x; r2: a c; r4: ad + bd / 2^16, then with bc; it adds r10. */
#define PRODUCT                                                                                              \
    "asrs   r2, r1, #16         \n"                                                                          \
    "uxth   r1, r1              \n"                                                                          \
    "mov    r3, r8              \n"                                                                          \
    "movs   r4, r2              \n"                                                                          \
    "muls   r4, r3, r4          \n"                                                                          \
    "muls   r3, r1, r3          \n"                                                                          \
    "lsrs   r3, r3, #16         \n"                                                                          \
    "adds   r4, r4, r3          \n"                                                                          \
    "mov    r3, r9              \n"                                                                          \
    "muls   r1, r3, r1          \n"                                                                          \
    "muls   r2, r3, r2          \n"                                                                          \
    "adds   r4, r4, r1          \n"                                                                          \
    "add    r4, r10             \n"                                                                          \
    "lsls   r2, r2, #1          \n"

/* The same for channels whose shift is -1..-22, up to the first with another. Moves scale on; returns the
 * channels that are left. 28 instructions a channel, 29 a number; where the zero point is the least result,
 * as with ReLU, 8 for a negative one and 25 for others, which need no sign. r0: numbers; r1: x, b; r2: a; r3,
 * r4: products; r5: low; r6: high; r7: right shift; r8: d; r9: c; r10: 2^14 - 2^30, or 2^14; r11: 2^15, or 0;
 * r12: rounding and zero point; lr: end of channel. sp: scale, channels, bytes. */
SAPMCU_NAKED static uint32_t requantize(__attribute__((unused)) sapmcu_fours_scale *scale,
                                        __attribute__((unused)) int32_t *sums,
                                        __attribute__((unused)) uint32_t channels,
                                        __attribute__((unused)) uint32_t bytes) {
    __asm__(".syntax unified            \n"
            "push   {r4-r7, lr}         \n"
            "mov    r4, r8              \n"
            "mov    r5, r9              \n"
            "mov    r6, r10             \n"
            "mov    r7, r11             \n"
            "push   {r4-r7}             \n"
            "push   {r0, r2, r3}        \n"
            "adds   r0, r0, #8          \n"
            "ldm    r0!, {r4-r6}        \n" /* zero point, low, high */
            "movs   r0, r1              \n"
            "movs   r1, #1              \n"
            "lsls   r3, r1, #15         \n"
            "lsrs   r2, r3, #1          \n"
            "subs   r4, r4, r5          \n"
            "beq    0f                  \n"
            "lsls   r1, r1, #30         \n"
            "subs   r2, r2, r1          \n"
            "movs   r4, r3              \n"
            "0:                         \n"
            "mov    r10, r2             \n"
            "mov    r11, r4             \n"
            "1:                         \n"
            "ldr    r1, [sp]            \n"
            "ldr    r2, [r1, #4]        \n"
            "movs   r3, #0              \n"
            "ldrsb  r7, [r2, r3]        \n"
            "adds   r2, r2, #1          \n"
            "mvns   r3, r7              \n" /* right - 1 */
            "cmp    r3, #21             \n"
            "bhi    9f                  \n"
            "str    r2, [r1, #4]        \n"
            "movs   r4, #1              \n"
            "lsls   r4, r3              \n"
            "rsbs   r7, r7, #0          \n"
            "ldr    r2, [r1, #8]        \n"
            "lsls   r2, r7              \n"
            "adds   r4, r4, r2          \n"
            "mov    r12, r4             \n"
            "ldr    r2, [r1]            \n"
            "ldm    r2!, {r3}           \n"
            "str    r2, [r1]            \n"
            "uxth   r4, r3              \n"
            "mov    r8, r4              \n"
            "lsrs   r3, r3, #16         \n"
            "mov    r9, r3              \n"
            "ldr    r1, [sp, #8]        \n"
            "add    r1, r0              \n"
            "mov    lr, r1              \n"
            "mov    r1, r11             \n"
            "cmp    r1, #0              \n"
            "beq    5f                  \n"
            "2:                         \n"
            "ldr    r1, [r0]            \n" PRODUCT "asrs   r4, r4, #15         \n"
            "adds   r2, r2, r4          \n"
            "add    r2, r11             \n"
            "asrs   r3, r2, #31         \n" /* ties away from zero */
            "adds   r2, r2, r3          \n"
            "add    r2, r12             \n"
            "asrs   r2, r7              \n"
            "cmp    r2, r6              \n"
            "ble    3f                  \n"
            "movs   r2, r6              \n"
            "3:                         \n"
            "cmp    r2, r5              \n"
            "bge    4f                  \n"
            "movs   r2, r5              \n"
            "4:                         \n"
            "stm    r0!, {r2}           \n"
            "cmp    r0, lr              \n"
            "bne    2b                  \n"
            "b      8f                  \n"
            "5:                         \n"
            "ldr    r1, [r0]            \n"
            "movs   r2, r5              \n"
            "cmp    r1, #0              \n"
            "ble    7f                  \n" PRODUCT "lsrs   r4, r4, #15         \n"
            "adds   r2, r2, r4          \n"
            "add    r2, r12             \n"
            "asrs   r2, r7              \n"
            "cmp    r2, r6              \n"
            "ble    7f                  \n"
            "movs   r2, r6              \n"
            "7:                         \n"
            "stm    r0!, {r2}           \n"
            "cmp    r0, lr              \n"
            "bne    5b                  \n"
            "8:                         \n"
            "ldr    r2, [sp, #4]        \n"
            "subs   r2, r2, #1          \n"
            "str    r2, [sp, #4]        \n"
            "bne    1b                  \n"
            "9:                         \n"
            "pop    {r1-r3}             \n"
            "movs   r0, r2              \n"
            "pop    {r4-r7}             \n"
            "mov    r8, r4              \n"
            "mov    r9, r5              \n"
            "mov    r10, r6             \n"
            "mov    r11, r7             \n"
            "pop    {r4-r7, pc}         \n");
}

/* The same for one channel with any shift; the stack that it takes isn't there meanwhile. */
static __attribute__((noinline)) void requantize_any(const sapmcu_fours_scale *scale, int32_t *sums,
                                                     uint32_t count) {
    for (; count > 0; count--, sums++) {
        *sums = sapmcu_requantize_s8(*sums, *scale->multiplier, *scale->shift, scale->zero_point, scale->low,
                                     scale->high);
    }
}

void sapmcu_requantize_sums(const sapmcu_fours_scale *scale, int32_t *sums, uint32_t channels,
                            uint32_t count) {
    sapmcu_fours_scale left = *scale;
    while (channels > 0) {
        const uint32_t more = requantize(&left, sums, channels, 4 * count);
        sums += count * (channels - more);
        channels = more;
        if (more > 0) {
            requantize_any(&left, sums, count);
            left.multiplier++;
            left.shift++;
            sums += count;
            channels--;
        }
    }
}
