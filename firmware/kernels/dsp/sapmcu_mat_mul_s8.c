/* SPDX-License-Identifier: Apache-2.0 */
/* Zero points are taken off the widened lanes. Where y lies column after column, two of them at a time; where
 * it lies row after row, four neighbouring columns. */
#include "sapmcu/mat_mul.h"

#include "dsp.h"

typedef struct {
    const sapmcu_mat_mul_s8_params *params;
    uint32_t x_step;          /* from x[m][k] to x[m][k + 1] */
    uint32_t y_step;          /* from y[k][n] to y[k + 1][n] */
    int16x2_t x_zero, y_zero; /* both lanes */
} product;

/* One number of z; left, right: x[m][0], y[0][n]. */
static int32_t add_products(int32_t sum, const product *q, const int8_t *left, const int8_t *right) {
    uint32_t depth = q->params->depth;
    if (q->x_step == 1 && q->y_step == 1) {
        for (; depth >= 4; depth -= 4, left += 4, right += 4) {
            const uint32_t a = sapmcu_load_s8x4(left), b = sapmcu_load_s8x4(right);
            sum = __smlad(__ssub16(sapmcu_even_lanes(a), q->x_zero),
                          __ssub16(sapmcu_even_lanes(b), q->y_zero), sum);
            sum = __smlad(__ssub16(sapmcu_odd_lanes(a), q->x_zero), __ssub16(sapmcu_odd_lanes(b), q->y_zero),
                          sum);
        }
    }
    for (; depth > 0; depth--, left += q->x_step, right += q->y_step) {
        const int32_t one = (*left - q->params->x_zero_point) * (*right - q->params->y_zero_point);
        sum = sapmcu_wrapping_add(sum, one);
    }
    return sum;
}

/* Four columns that lie side by side. */
static void add_products_of_four(int32_t sum[4], const product *q, const int8_t *left, const int8_t *right) {
    int32_t s0 = sum[0], s1 = sum[1], s2 = sum[2], s3 = sum[3];
    const int32_t x_zero_point = q->params->x_zero_point;
    for (uint32_t k = 0; k < q->params->depth; k++, left += q->x_step, right += q->y_step) {
        const uint32_t word = sapmcu_load_s8x4(right);
        const int16x2_t even = __ssub16(sapmcu_even_lanes(word), q->y_zero);
        const int16x2_t odd = __ssub16(sapmcu_odd_lanes(word), q->y_zero);
        const int32_t x = *left - x_zero_point;
        s0 = __smlabb(even, x, s0);
        s1 = __smlabb(odd, x, s1);
        s2 = __smlatb(even, x, s2);
        s3 = __smlatb(odd, x, s3);
    }
    sum[0] = s0;
    sum[1] = s1;
    sum[2] = s2;
    sum[3] = s3;
}

static int16x2_t both_lanes(int32_t x) {
    return (int16x2_t)((uint32_t)(uint16_t)x * 0x10001U);
}

void sapmcu_mat_mul_s8(const sapmcu_mat_mul_s8_params *params, const int8_t *x, const int8_t *y, int8_t *z) {
    const sapmcu_mat_mul_s8_params *const p = params;
    const uint32_t x_row = p->is_x_transposed ? 1 : p->depth, y_column = p->is_y_transposed ? p->depth : 1;
    const product q = {p, p->is_x_transposed ? p->rows : 1, p->is_y_transposed ? 1 : p->columns,
                       both_lanes(p->x_zero_point), both_lanes(p->y_zero_point)};
    for (uint32_t m = 0; m < p->rows; m++, x += x_row) {
        for (uint32_t n = 0; n < p->columns;) {
            const uint32_t count = !p->is_y_transposed && p->columns - n >= 4 ? 4 : 1;
            const int8_t *const right = y + n * y_column;
            int32_t sum[4];
            for (uint32_t i = 0; i < count; i++) {
                sum[i] = p->bias ? p->bias[n + i] : 0;
            }
            if (count == 4) {
                add_products_of_four(sum, &q, x, right);
            } else {
                sum[0] = add_products(sum[0], &q, x, right);
            }
            for (uint32_t i = 0; i < count; i++, n++) {
                *z++ =
                    sapmcu_requantize_s8(sum[i], p->multiplier, p->shift, p->z_zero_point, p->low, p->high);
            }
        }
    }
}
