/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_WIDEN_H
#define SAPMCU_WIDEN_H

/* Numbers of two pixels, widened to 16 bits in the order of products_state.h. */

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

#endif
