/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/softmax.h"

#include "gemmlowp.h"
#include "softmax_rows.h"

enum { SUM_BITS = 12 }; /* integer bits of a sum of exponentials */

static int32_t exponential(const sapmcu_softmax_s8_params *params, int32_t difference) {
    return (uint32_t)difference < params->entries ? params->exponentials[difference] : 0;
}

/* In Q12.19, saturated: each is 2^19 at most, so 4096 and more of them may leave 31 bits. */
static int32_t sum_of_exponentials(const sapmcu_softmax_s8_params *params, int32_t max, const int8_t *x) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < params->length; i++) {
        sum += (uint32_t)sapmcu_rounding_divide_by_pot(exponential(params, max - x[i]), SUM_BITS);
        sum = sum > INT32_MAX ? INT32_MAX : sum;
    }
    return (int32_t)sum;
}

static void softmax_row(const sapmcu_softmax_s8_params *params, const int8_t *x, int8_t *y) {
    int32_t max = sapmcu_largest_of_row(x, params->length);
    int32_t sum = sum_of_exponentials(params, max, x);
    uint32_t headroom = sapmcu_leading_zeros((uint32_t)sum);
    int32_t inverse = sapmcu_one_over_one_plus_x((int32_t)(((uint32_t)sum << headroom) & INT32_MAX));
    /* The sum is at least e^0 = 2^19, so headroom is 12 at most and the shift 23 at least. From 32 on less
     * than half a step is left of any share. */
    int32_t shift = SUM_BITS - (int32_t)headroom + 31 - 8;
    for (uint32_t i = 0; i < params->length; i++) {
        int32_t share = sapmcu_high_mul(inverse, exponential(params, max - x[i]));
        int32_t quotient = shift < 32 ? sapmcu_rounding_divide_by_pot(share, shift) : 0;
        y[i] = (int8_t)(quotient > 255 ? 127 : quotient - 128);
    }
}

void sapmcu_softmax_s8(const sapmcu_softmax_s8_params *params, const int8_t *x, int8_t *y) {
    for (uint32_t row = 0; row < params->rows; row++) {
        softmax_row(params, x, y);
        x += params->length;
        y += params->length;
    }
}
