/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_WIDEN_H
#define SAPMCU_WIDEN_H

/* Numbers of two or three pixels, widened to 16 bits in the order of products_state.h. */

#include "sapmcu/packed_conv2d.h"

/* Widen words of four numbers of two pixels, one or more. */
static inline int32_t *sapmcu_widen(int32_t *to, const int8_t *a, const int8_t *b, uint32_t words) {
    const int8_t *const end = a + 4 * words;
    do {
        __asm__ volatile("ldr    r8, [%[a]], #4       \n"
                         "ldr    r9, [%[b]], #4       \n"
                         "sxtb16 r10, r8, ror #8      \n"
                         "sxtb16 r11, r9, ror #8      \n"
                         "sxtb16 r8, r8               \n"
                         "sxtb16 r9, r9               \n"
                         "stm    %[to]!, {r8-r11}     \n"
                         : [to] "+r"(to), [a] "+r"(a), [b] "+r"(b)
                         :
                         : "r8", "r9", "r10", "r11", "memory");
    } while (a != end);
    return to;
}

/* The same of three pixels, each so many bytes behind the one before. */
static inline int32_t *sapmcu_widen_three(int32_t *to, const int8_t *a, int32_t apart_bytes, uint32_t words) {
    const int8_t *const end = a + 4 * words;
    do {
        __asm__ volatile("ldr    r6, [%[a], %[apart], lsl #1] \n"
                         "ldr    r5, [%[a], %[apart]] \n"
                         "ldr    r4, [%[a]], #4       \n"
                         "sxtb16 r8, r4, ror #8       \n"
                         "sxtb16 r9, r5, ror #8       \n"
                         "sxtb16 r10, r6, ror #8      \n"
                         "sxtb16 r4, r4               \n"
                         "sxtb16 r5, r5               \n"
                         "sxtb16 r6, r6               \n"
                         "stm    %[to]!, {r4-r6, r8-r10} \n"
                         : [to] "+r"(to), [a] "+r"(a)
                         : [apart] "r"(apart_bytes)
                         : "r4", "r5", "r6", "r8", "r9", "r10", "memory");
    } while (a != end);
    return to;
}

#endif
