/* SPDX-License-Identifier: Apache-2.0 */
/* Four numbers in 28 instructions. */
#include "dsp.h"
#include "sapmcu/binary.h"

_Static_assert(SAPMCU_WEIGHTED_SUM_BITS == 22, "the assembly shifts by it");

/* Number 0, 1 or 2 of a word of each operand. */
#define ELEMENT(SUM, ROTATION)                                                                               \
    "sxtb   %[t], %[a]" ROTATION "           \n"                                                             \
    "mla    " SUM ", %[t], %[fx], %[offset]  \n"                                                             \
    "sxtb   %[t], %[b]" ROTATION "           \n"                                                             \
    "mla    " SUM ", %[t], %[fy], " SUM "    \n"                                                             \
    "ssat   " SUM ", #8, " SUM ", asr #22    \n"

void sapmcu_weighted_sum_s8(const void *params, const sapmcu_binary_run *run, const int8_t *x,
                            const int8_t *y, int8_t *z) {
    const sapmcu_weighted_sum_s8_params *const p = params;
    const int32_t fx = p->x_factor, fy = p->y_factor, offset = p->offset;
    const uint32_t x_step = run->x_step, y_step = run->y_step;
    int8_t *const end = z + run->count, *const fours = z + (x_step & y_step ? run->count & ~3U : 0);
    while (z < fours) {
        uint32_t a, b, t, first, second;
        __asm__ volatile("ldr    %[a], [%[x]], #4            \n"
                         "ldr    %[b], [%[y]], #4            \n" ELEMENT("%[first]", "")
                             ELEMENT("%[second]", ", ror #8") "bfi    %[first], %[second], #8, #8 \n" ELEMENT(
                                 "%[second]", ", ror #16") "asr    %[a], %[a], #24             \n"
                                                           "asr    %[b], %[b], #24             \n"
                                                           "mla    %[a], %[a], %[fx], %[offset] \n"
                                                           "mla    %[a], %[b], %[fy], %[a]     \n"
                                                           "ssat   %[a], #8, %[a], asr #22     \n"
                                                           "bfi    %[second], %[a], #8, #8     \n"
                                                           "pkhbt  %[first], %[first], %[second], lsl #16 \n"
                                                           "str    %[first], [%[z]], #4        \n"
                         : [x] "+r"(x), [y] "+r"(y), [z] "+r"(z), [a] "=&r"(a), [b] "=&r"(b), [t] "=&r"(t),
                           [first] "=&r"(first), [second] "=&r"(second)
                         : [fx] "r"(fx), [fy] "r"(fy), [offset] "r"(offset)
                         : "memory");
    }
    for (; z < end; x += x_step, y += y_step) {
        *z++ = (int8_t)sapmcu_saturate_s8((offset + *x * fx + *y * fy) >> SAPMCU_WEIGHTED_SUM_BITS);
    }
}
