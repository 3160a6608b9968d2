/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/binary.h"

void sapmcu_run_binary(const sapmcu_broadcast *geometry, sapmcu_binary_fn *kernel, const void *params,
                       const int8_t *x, const int8_t *y, int8_t *z) {
    uint32_t position[SAPMCU_BROADCAST_MAX_LOOPS] = {0};
    const sapmcu_broadcast_loop *const loops = geometry->loops;
    for (;;) {
        kernel(params, &geometry->run, x, y, z);
        z += geometry->run.count;
        /* on to the next run, as an odometer: the wheels that turn over go back to their start */
        uint32_t wheel = geometry->loop_count;
        for (; wheel > 0; wheel--) {
            const sapmcu_broadcast_loop *const loop = &loops[wheel - 1];
            if (++position[wheel - 1] < loop->count) {
                x += loop->x_stride_bytes;
                y += loop->y_stride_bytes;
                break;
            }
            position[wheel - 1] = 0;
            x -= (loop->count - 1) * loop->x_stride_bytes;
            y -= (loop->count - 1) * loop->y_stride_bytes;
        }
        if (wheel == 0) {
            return;
        }
    }
}
