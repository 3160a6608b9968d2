/* SPDX-License-Identifier: Apache-2.0 */
#include "sapmcu/copy.h"

#include <string.h>

void sapmcu_fill(const void *element, uint32_t element_bytes, void *y, uint32_t count) {
    const uint8_t *from = element;
    uint8_t *to = y;
    if (element_bytes == 1) {
        memset(to, *from, count);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t byte = 0; byte < element_bytes; byte++) {
            *to++ = from[byte];
        }
    }
}
