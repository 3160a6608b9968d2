/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/copy.h"

#include "copy_run.h"

/* The innermost loop. Single bytes, as of a transposed matrix, need none around each. */
static void copy_runs(const uint8_t *x, uint8_t *y, uint32_t run_bytes, const sapmcu_copy_loop *loop) {
    for (uint32_t i = 0; i < loop->count; i++) {
        if (run_bytes == 1) {
            *y = *x;
        } else {
            sapmcu_copy_run(y, x, run_bytes);
        }
        x += loop->x_stride_bytes;
        y += loop->y_stride_bytes;
    }
}

void sapmcu_copy(const sapmcu_copy_params *params, const void *x, void *y) {
    static const sapmcu_copy_loop once = {1, 0, 0};
    const sapmcu_copy_loop *inner = params->loop_count > 0 ? &params->loops[params->loop_count - 1] : &once;
    uint32_t outer_count = params->loop_count > 0 ? params->loop_count - 1 : 0;
    uint32_t done[SAPMCU_COPY_MAX_LOOPS] = {0};
    const uint8_t *from = (const uint8_t *)x + params->x_offset_bytes;
    uint8_t *to = (uint8_t *)y + params->y_offset_bytes;
    for (;;) {
        copy_runs(from, to, params->run_bytes, inner);
        uint32_t level = outer_count; /* count up the outer loops, the innermost of them first */
        for (;;) {
            if (level == 0) {
                return;
            }
            const sapmcu_copy_loop *loop = &params->loops[--level];
            if (++done[level] < loop->count) {
                from += loop->x_stride_bytes;
                to += loop->y_stride_bytes;
                break;
            }
            done[level] = 0;
            from -= (int32_t)(loop->count - 1) * loop->x_stride_bytes;
            to -= (int32_t)(loop->count - 1) * loop->y_stride_bytes;
        }
    }
}
