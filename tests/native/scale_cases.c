/* SPDX-License-Identifier: Apache-2.0 */
/* The scalings of requantize.h and dsp/dsp.h, over arrays. */
#include "dsp.h"

typedef struct {
    const int32_t *x, *multiplier;
    const int8_t *shift, *zero_point;
    int32_t *scaled;
    int8_t *portable, *dsp;
    uint32_t count;
} scale_cases;

void run_scale_cases(const scale_cases *cases);

void run_scale_cases(const scale_cases *cases) {
    for (uint32_t i = 0; i < cases->count; i++) {
        const int32_t x = cases->x[i], multiplier = cases->multiplier[i];
        const int32_t shift = cases->shift[i], zero_point = cases->zero_point[i];
        cases->scaled[i] = sapmcu_scale(x, multiplier, shift);
        cases->portable[i] = sapmcu_requantize_s8(x, multiplier, shift, zero_point, INT8_MIN, INT8_MAX);
        cases->dsp[i] = (int8_t)sapmcu_requantize_dsp(x, multiplier, shift, zero_point);
    }
}
