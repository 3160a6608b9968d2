/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/softmax.h"

#include "gemmlowp.h"
#include "softmax_rows.h"

enum { QUOTIENT_SHIFT = 31 - 5 - 4 }; /* from Q5.26 to steps of 1/16 */

static void log_softmax_row(const sapmcu_log_softmax_s8_params *params, const int8_t *x, int8_t *y) {
    int32_t max = sapmcu_largest_of_row(x, params->length);
    int32_t sum = 0;
    for (uint32_t i = 0; i < params->length; i++) {
        sum += params->exponentials[max - x[i]];
    }
    int32_t log = sapmcu_log_of_at_least_1(sum);
    /* From this difference on the subtraction below leaves 32 bits; the result is the lowest anyway. */
    int32_t limit = sapmcu_scale(log + INT32_MIN, params->multiplier, params->shift);
    limit = limit > -params->limit - 1 ? limit : -params->limit - 1;
    for (uint32_t i = 0; i < params->length; i++) {
        int32_t difference = x[i] - max;
        if (difference > limit) {
            int32_t quotient =
                sapmcu_rounding_divide_by_pot(params->scaled[-difference] - log, QUOTIENT_SHIFT);
            y[i] = sapmcu_clamp(quotient + 127, -128, 127);
        } else {
            y[i] = -128;
        }
    }
}

void sapmcu_log_softmax_s8(const sapmcu_log_softmax_s8_params *params, const int8_t *x, int8_t *y) {
    for (uint32_t row = 0; row < params->rows; row++) {
        log_softmax_row(params, x, y);
        x += params->length;
        y += params->length;
    }
}
