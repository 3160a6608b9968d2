/* SPDX-License-Identifier: Apache-2.0 */
/* Port through semihosting: an emulator or an attached debugger answers; without either the first call
 * faults. Source: Arm "Semihosting for AArch32 and AArch64", 2023Q3, chapters 3 (the interface), 6.3, 6.4
 * and 6.22. */
#include "sapmcu/port.h"

#include <stdint.h>
#include <string.h>

enum {
    SYS_WRITE0 = 0x04,
    SYS_EXIT_EXTENDED = 0x20,
    ADP_STOPPED_APPLICATION_EXIT = 0x20026,
};

static void semihosting_call(uint32_t operation, const void *argument) {
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

void sapmcu_port_init(void) {}

void sapmcu_port_write(const char *text, size_t length) {
    char chunk[64]; /* SYS_WRITE0 wants a terminating zero */
    while (length > 0) {
        size_t part = length < sizeof chunk - 1 ? length : sizeof chunk - 1;
        memcpy(chunk, text, part);
        chunk[part] = '\0';
        semihosting_call(SYS_WRITE0, chunk);
        text += part;
        length -= part;
    }
}

void sapmcu_port_exit(int code) {
    const uint32_t block[2] = {ADP_STOPPED_APPLICATION_EXIT, (uint32_t)code};
    semihosting_call(SYS_EXIT_EXTENDED, block);
    for (;;) {
    }
}
