/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_PACKED_WINDOWS_H
#define SAPMCU_PACKED_WINDOWS_H

/* Windows of ten numbers by 256 as int16, five words, times all filters: 12 instructions a result. */

#include "sapmcu/packed_shallow_conv2d.h"

/* The assembly knows the order. */
typedef struct {
    const int32_t *windows; /* of the first pixel */
    uint32_t window_bytes;  /* from a pixel's to the next one's */
    const int32_t *filter;  /* of packed_shallow_conv2d.h */
    const int8_t *y_end;    /* behind the last pixel */
    int8_t *y;
    const int32_t *filter_end;
} sapmcu_packed_windows;

/* Takes 52 bytes of stack. */
void sapmcu_compute_windows(const sapmcu_packed_windows *state);

#endif
