// SPDX-License-Identifier: Apache-2.0
// TFLM's messages go to the board port. Unused where the library was built without messages.
#include "tensorflow/lite/micro/debug_log.h"

#include <cstdio>

#include "sapmcu/port.h"

void DebugLog(const char *format, va_list args) {
    char text[192];
    const int length = std::vsnprintf(text, sizeof text, format, args);
    if (length > 0) {
        const auto wanted = static_cast<std::size_t>(length);
        sapmcu_port_write(text, wanted < sizeof text ? wanted : sizeof text - 1);
    }
}

int DebugVsnprintf(char *buffer, std::size_t buffer_bytes, const char *format, va_list args) {
    return std::vsnprintf(buffer, buffer_bytes, format, args);
}
