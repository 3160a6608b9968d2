/* SPDX-License-Identifier: Apache-2.0 */
/* Source: C11, 7.24. Words of four where both sides allow it; a compiler that finds memcpy in a loop of
 * memcpy must be told not to. */
#include <string.h>

#include <stdint.h>

#if defined(__clang__)
#define OWN_LOOPS __attribute__((no_builtin("memcpy", "memmove", "memset", "memcmp", "strlen")))
#else
#define OWN_LOOPS __attribute__((optimize("no-tree-loop-distribute-patterns")))
#endif

/* A word that may lie at any address, where the core loads such words; else as many bytes. */
#if defined(__ARM_FEATURE_UNALIGNED)
enum { WORD_ALIGNMENT_MASK = 0 };
#else
enum { WORD_ALIGNMENT_MASK = 3 };
#endif
typedef struct __attribute__((packed, may_alias)) {
    uint32_t value;
} word;
typedef uint32_t __attribute__((may_alias)) aligned_word;

OWN_LOOPS void *memcpy(void *to, const void *from, size_t length) {
    uint8_t *y = to;
    const uint8_t *x = from;
    if ((((uintptr_t)y | (uintptr_t)x) & 3) == 0) {
        for (; length >= 16; length -= 16, x += 16, y += 16) {
            const aligned_word *source = (const aligned_word *)(const void *)x;
            aligned_word *target = (aligned_word *)(void *)y;
            uint32_t a = source[0], b = source[1], c = source[2], d = source[3];
            target[0] = a;
            target[1] = b;
            target[2] = c;
            target[3] = d;
        }
    }
    if ((((uintptr_t)y | (uintptr_t)x) & WORD_ALIGNMENT_MASK) == 0) {
        for (; length >= 4; length -= 4, x += 4, y += 4) {
            ((word *)(void *)y)->value = ((const word *)(const void *)x)->value;
        }
    }
    for (; length > 0; --length) {
        *y++ = *x++;
    }
    return to;
}

OWN_LOOPS void *memmove(void *to, const void *from, size_t length) {
    uint8_t *y = to;
    const uint8_t *x = from;
    if ((uintptr_t)y <= (uintptr_t)x || (uintptr_t)y >= (uintptr_t)x + length) {
        for (; length > 0; --length) {
            *y++ = *x++;
        }
    } else {
        while (length > 0) {
            --length;
            y[length] = x[length];
        }
    }
    return to;
}

OWN_LOOPS void *memset(void *to, int value, size_t length) {
    uint8_t *y = to;
    uint32_t four = (uint8_t)value * 0x01010101u;
    for (; length > 0 && ((uintptr_t)y & 3) != 0; --length) {
        *y++ = (uint8_t)value;
    }
    for (; length >= 4; length -= 4, y += 4) {
        *(aligned_word *)(void *)y = four;
    }
    for (; length > 0; --length) {
        *y++ = (uint8_t)value;
    }
    return to;
}

OWN_LOOPS int memcmp(const void *left, const void *right, size_t length) {
    const uint8_t *x = left, *y = right;
    for (; length > 0; --length, ++x, ++y) {
        if (*x != *y) {
            return *x - *y;
        }
    }
    return 0;
}

OWN_LOOPS size_t strlen(const char *text) {
    const char *end = text;
    while (*end != '\0') {
        ++end;
    }
    return (size_t)(end - text);
}
