/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_RESIZE_POSITION_H
#define SAPMCU_RESIZE_POSITION_H

/* Where a pixel of a bilinearly resized image lies in the input; for kernels only. */

#include <stdint.h>

/* Between pixels `first` and first + 1, `weight` / 1024 of the way; weight 0 where there is no next pixel. */
typedef struct {
    uint32_t first;
    int32_t weight;
} sapmcu_resize_position;

static inline sapmcu_resize_position sapmcu_locate(uint32_t index, int32_t step, int32_t origin,
                                                   uint32_t size) {
    int32_t position = (int32_t)index * step + origin;
    int32_t last = (int32_t)(size - 1) * 1024;
    position = position < 0 ? 0 : position > last ? last : position;
    return (sapmcu_resize_position){(uint32_t)position / 1024, position % 1024};
}

#endif
