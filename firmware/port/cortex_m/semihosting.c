/* SPDX-License-Identifier: Apache-2.0 */
/* Port through semihosting: an emulator or an attached debugger answers; without either the first call
 * faults. Source: Arm "Semihosting for AArch32 and AArch64", 2023Q3, chapters 3 (the interface), 6.3
 * to 6.5, 6.15, 6.18, 6.21 and 6.22. */
#include "sapmcu/port.h"

enum {
    SYS_OPEN = 0x01,
    SYS_WRITE0 = 0x04,
    SYS_WRITE = 0x05,
    SYS_READ = 0x06,
    SYS_EXIT_EXTENDED = 0x20,
    ADP_STOPPED_APPLICATION_EXIT = 0x20026,
    MODE_RB = 1, /* of ":tt": the host's standard input */
    MODE_WB = 5, /* its standard output */
};

static uint32_t semihosting_call(uint32_t operation, const void *argument) {
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

/* The handles that SYS_OPEN gave, for a firmware that uses the byte stream. */
static uint32_t stream_in, stream_out;

static uint32_t handle(uint32_t *kept, uint32_t mode) {
    static const char console[] = ":tt";
    if (*kept == 0) {
        const uint32_t block[3] = {(uint32_t)(uintptr_t)console, mode, sizeof console - 1};
        *kept = semihosting_call(SYS_OPEN, block) + 1; /* 0 is a valid handle */
    }
    return *kept - 1;
}

void sapmcu_port_init(void) {}

void sapmcu_port_write(const char *text, size_t length) {
    volatile char chunk[64]; /* SYS_WRITE0 wants a terminating zero; volatile: without memcpy */
    while (length > 0) {
        size_t part = 0;
        for (; length > 0 && part < sizeof chunk - 1; --length) {
            chunk[part++] = *text++;
        }
        chunk[part] = '\0';
        semihosting_call(SYS_WRITE0, (const void *)(uintptr_t)chunk);
    }
}

size_t sapmcu_port_receive(uint8_t *data, size_t room) {
    const uint32_t block[3] = {handle(&stream_in, MODE_RB), (uint32_t)(uintptr_t)data, (uint32_t)room};
    uint32_t missing = semihosting_call(SYS_READ, block);
    return missing < room ? room - missing : 0;
}

/* The call returns how many bytes it has not written: all, where the host is gone, which ends the program. */
void sapmcu_port_send(const uint8_t *data, size_t length) {
    while (length > 0) {
        const uint32_t block[3] = {handle(&stream_out, MODE_WB), (uint32_t)(uintptr_t)data, (uint32_t)length};
        uint32_t missing = semihosting_call(SYS_WRITE, block);
        if (missing >= length) {
            sapmcu_port_exit(1);
        }
        data += length - missing;
        length = missing;
    }
}

void sapmcu_port_exit(int code) {
    const uint32_t block[2] = {ADP_STOPPED_APPLICATION_EXIT, (uint32_t)code};
    semihosting_call(SYS_EXIT_EXTENDED, block);
    for (;;) {
    }
}
