/* SPDX-License-Identifier: Apache-2.0 */
/* What compilers ask of a C library, for images of kernels alone. */
#include <stddef.h>

void *memcpy(void *to, const void *from, size_t count);
void *memset(void *to, int byte, size_t count);

void *memcpy(void *to, const void *from, size_t count) {
    const volatile char *source = from;
    for (char *end = to; count > 0; count--) {
        *end++ = *source++;
    }
    return to;
}

void *memset(void *to, int byte, size_t count) {
    for (volatile char *end = to; count > 0; count--) {
        *end++ = (char)byte;
    }
    return to;
}
