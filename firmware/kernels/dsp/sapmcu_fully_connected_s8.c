/* SPDX-License-Identifier: Apache-2.0 */
/* Four output channels at a time: each word of x is loaded and widened once for four products. */
#include "sapmcu/fully_connected.h"

#include "dsp.h"

/* A word of x, which is widened already, times one of a filter. */
#define PRODUCT(filter, sum)                                                                                 \
    "ldr    %[f], " filter "            \n"                                                                  \
    "sxtb16 %[g], %[f], ror #8          \n"                                                                  \
    "sxtb16 %[f], %[f]                  \n"                                                                  \
    "smlad  " sum ", %[y], %[g], " sum "\n"                                                                  \
    "smlad  " sum ", %[x], %[f], " sum "\n"

/* Four numbers: 23 instructions for 16 products. */
#define STEP                                                                                                 \
    "ldr    %[x], [%[in]], #4           \n"                                                                  \
    "sxtb16 %[y], %[x], ror #8          \n"                                                                  \
    "sxtb16 %[x], %[x]                  \n" PRODUCT("[%[first], %[step]]", "%[s1]")                          \
        PRODUCT("[%[first], %[step], lsl #1]", "%[s2]") PRODUCT("[%[first]], #4", "%[s0]")                   \
            PRODUCT("[%[last]], #4", "%[s3]")

#define ADD(STEPS)                                                                                           \
    __asm__ volatile(STEPS                                                                                   \
                     : [in] "+r"(in), [first] "+r"(first), [last] "+r"(last), [s0] "+r"(s0), [s1] "+r"(s1),  \
                       [s2] "+r"(s2), [s3] "+r"(s3), [x] "=&r"(x), [y] "=&r"(y), [f] "=&r"(f), [g] "=&r"(g)  \
                     : [step] "r"(step)                                                                      \
                     : "memory")

/* Add the products of `in` with filters that follow each other. */
static void add_products(int32_t sum[4], const int8_t *in, const int8_t *filter, uint32_t depth) {
    int32_t s0 = sum[0], s1 = sum[1], s2 = sum[2], s3 = sum[3];
    const int8_t *first = filter, *last = filter + 3 * depth;
    const uint32_t step = depth;
    uint32_t x, y, f, g;
    for (const int8_t *const end = in + (depth & ~7U); in != end;) {
        ADD(STEP STEP);
    }
    if (depth & 4) {
        ADD(STEP);
    }
    for (depth &= 3; depth > 0; depth--, first++) {
        const int32_t one = *in++;
        s0 += one * first[0];
        s1 += one * first[step];
        s2 += one * first[2 * step];
        s3 += one * *last++;
    }
    sum[0] = s0;
    sum[1] = s1;
    sum[2] = s2;
    sum[3] = s3;
}

static int32_t add_products_of_one(int32_t sum, const int8_t *x, const int8_t *filter, uint32_t depth) {
    for (; depth >= 4; depth -= 4, x += 4, filter += 4) {
        const uint32_t a = sapmcu_load_s8x4(x), f = sapmcu_load_s8x4(filter);
        sum = __smlad(sapmcu_even_lanes(a), sapmcu_even_lanes(f), sum);
        sum = __smlad(sapmcu_odd_lanes(a), sapmcu_odd_lanes(f), sum);
    }
    for (; depth > 0; depth--) {
        sum = __smlabb(*x++, *filter++, sum);
    }
    return sum;
}

void sapmcu_fully_connected_s8(const sapmcu_fully_connected_s8_params *params, const int8_t *x, int8_t *y) {
    const sapmcu_fully_connected_s8_params *const p = params;
    for (uint32_t v = 0; v < p->vectors; v++, x += p->depth) {
        for (uint32_t o = 0; o < p->out_channels;) {
            const int8_t *const filter = p->filter + o * p->depth;
            const uint32_t count = p->out_channels - o < 4 ? 1 : 4;
            int32_t sum[4];
            for (uint32_t i = 0; i < count; i++) {
                sum[i] = p->bias[o + i];
            }
            if (count == 4) {
                add_products(sum, x, filter, p->depth);
            } else {
                sum[0] = add_products_of_one(sum[0], x, filter, p->depth);
            }
            for (uint32_t i = 0; i < count; i++, o++) {
                const uint32_t factor = p->is_per_channel ? o : 0;
                *y++ = sapmcu_requantize_s8(sum[i], p->multiplier[factor], p->shift[factor], p->y_zero_point,
                                            p->low, p->high);
            }
        }
    }
}
