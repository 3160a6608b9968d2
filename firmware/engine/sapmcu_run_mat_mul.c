/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/mat_mul.h"

void sapmcu_run_mat_mul(const sapmcu_mat_mul_batches *batches, const sapmcu_mat_mul_s8_params *params,
                        const int8_t *x, const int8_t *y, int8_t *z) {
    const uint32_t *const xs = batches->x_stride_bytes, *const ys = batches->y_stride_bytes;
    for (uint32_t i = 0; i < batches->count[0]; i++) {
        for (uint32_t j = 0; j < batches->count[1]; j++) {
            for (uint32_t k = 0; k < batches->count[2]; k++) {
                sapmcu_mat_mul_s8(params, x + i * xs[0] + j * xs[1] + k * xs[2],
                                  y + i * ys[0] + j * ys[1] + k * ys[2], z);
                z += params->rows * params->columns;
            }
        }
    }
}
