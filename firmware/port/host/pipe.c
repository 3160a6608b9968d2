/* SPDX-License-Identifier: Apache-2.0 */
/* Port to a process of the host: the byte stream is standard input and output, the console standard error. */
#include "sapmcu/port.h"

#include <stdlib.h>
#include <unistd.h>

void sapmcu_port_init(void) {}

static void write_all(int file, const void *data, size_t length) {
    const char *bytes = data;
    while (length > 0) {
        ssize_t done = write(file, bytes, length);
        if (done <= 0) {
            exit(1);
        }
        bytes += done;
        length -= (size_t)done;
    }
}

void sapmcu_port_write(const char *text, size_t length) {
    write_all(STDERR_FILENO, text, length);
}

size_t sapmcu_port_receive(uint8_t *data, size_t room) {
    ssize_t done = read(STDIN_FILENO, data, room);
    return done > 0 ? (size_t)done : 0;
}

void sapmcu_port_send(const uint8_t *data, size_t length) {
    write_all(STDOUT_FILENO, data, length);
}

void sapmcu_port_exit(int code) {
    exit(code);
}

sapmcu_counter_kind sapmcu_port_counter(void) {
    return SAPMCU_COUNTER_NONE;
}

uint32_t sapmcu_port_count(void) {
    return 0;
}

void sapmcu_port_paint_stack(void) {}

uint32_t sapmcu_port_stack_depth(void) {
    return 0;
}

uint32_t sapmcu_port_stack_peak(void) {
    return 0;
}

uint32_t sapmcu_port_stack_size(void) {
    return 0;
}

const sapmcu_port_state *sapmcu_port_read_state(void) {
    static const sapmcu_port_state nothing;
    return &nothing;
}
