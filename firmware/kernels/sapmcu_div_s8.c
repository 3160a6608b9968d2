/* SPDX-License-Identifier: Apache-2.0 */
#include "gemmlowp.h"
#include "sapmcu/binary.h"
#include "sapmcu/requantize.h"

enum { MAX_RIGHT_SHIFT = 31 };

/* dividend / divisor times the factor. The quotient is normalised: dividend and divisor start with a 1. */
static int32_t scaled_quotient(const sapmcu_product_s8_params *p, int32_t dividend, int32_t divisor) {
    if (dividend == 0 || divisor == 0) {
        return 0;
    }
    const int32_t numerator = divisor < 0 ? -dividend : dividend;
    const uint32_t denominator = (uint32_t)(divisor < 0 ? -divisor : divisor);
    const uint32_t down = sapmcu_leading_zeros(denominator);
    const uint32_t up = sapmcu_leading_zeros((uint32_t)(numerator < 0 ? ~numerator : numerator) * 2 + 1);
    const int32_t inverse = sapmcu_one_over_one_plus_x((int32_t)((denominator << down) - (1U << 31)));
    const int32_t quotient = sapmcu_high_mul((int32_t)((uint32_t)numerator << up), inverse);
    const int32_t shift = p->shift + (int32_t)down - (int32_t)up - 31;
    return sapmcu_scale(quotient, p->multiplier, shift < -MAX_RIGHT_SHIFT ? -MAX_RIGHT_SHIFT : shift);
}

void sapmcu_div_s8(const void *params, const sapmcu_binary_run *run, const int8_t *x, const int8_t *y,
                   int8_t *z) {
    const sapmcu_product_s8_params *const p = params;
    for (uint32_t i = 0; i < run->count; i++) {
        const int32_t quotient = scaled_quotient(p, *x - p->x_zero_point, *y - p->y_zero_point);
        *z++ = sapmcu_clamp(quotient + p->z_zero_point, p->low, p->high);
        x += run->x_step;
        y += run->y_step;
    }
}
