/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_COPY_RUN_H
#define SAPMCU_COPY_RUN_H

/* Bytes that lie together, for kernels that move data. */

#include <stdint.h>
#include <string.h>

enum { SAPMCU_SHORT_RUN = 8 }; /* from here on a call of memcpy pays */

/* x and y don't overlap. */
static inline void sapmcu_copy_run(uint8_t *y, const uint8_t *x, uint32_t bytes) {
    if (bytes >= SAPMCU_SHORT_RUN) {
        memcpy(y, x, bytes);
        return;
    }
    for (uint32_t i = 0; i < bytes; i++) {
        y[i] = x[i];
    }
}

#endif
