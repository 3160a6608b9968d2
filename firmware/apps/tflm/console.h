// SPDX-License-Identifier: Apache-2.0
// Text and numbers to the host's console, without stdio.
#ifndef SAPMCU_CONSOLE_H
#define SAPMCU_CONSOLE_H

#include <cstddef>
#include <cstring>

#include "sapmcu/port.h"

inline void print(const char *text) {
    sapmcu_port_write(text, std::strlen(text));
}

inline void print(std::size_t number) {
    char digits[10]; // of a 32-bit number
    std::size_t first = sizeof digits;
    do {
        digits[--first] = static_cast<char>('0' + number % 10);
        number /= 10;
    } while (number != 0);
    sapmcu_port_write(digits + first, sizeof digits - first);
}

template <typename First, typename... Rest> void print(First first, Rest... rest) {
    print(first);
    print(rest...);
}

#endif
