/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_FREESTANDING_STRING_H
#define SAPMCU_FREESTANDING_STRING_H

/* What compilers expect of any environment, and strlen: for firmware without a C library. */

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

void *memcpy(void *to, const void *from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int value, size_t length);
int memcmp(const void *left, const void *right, size_t length);
size_t strlen(const char *text);

#ifdef __cplusplus
}
#endif

#endif
