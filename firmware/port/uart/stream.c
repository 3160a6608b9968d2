/* SPDX-License-Identifier: Apache-2.0 */
/* Port through the board's UART. Text and the byte stream share the line: text goes out as it is, and a host
 * skips what stands between two frames (docs/SPEC.md). The firmware prints none inside of a frame, but for a
 * fault, after which the frame is lost anyway. Source of AIRCR: Armv6-M (DDI 0419), Armv7-M (DDI 0403) and
 * Armv8-M (DDI 0553) Architecture Reference Manuals. */
#include "sapmcu/port.h"
#include "uart.h"

#define SCB_AIRCR         0xE000ED0Cu
#define AIRCR_VECTKEY     (0x05FAu << 16)
#define AIRCR_SYSRESETREQ (1u << 2)

#define SLIP_END 0xC0u

/* Reading a register back makes sure that the write has arrived: the peripheral whose clock it turns on is
 * accessed some cycles later. */
static void do_step(const sapmcu_uart_step *step) {
    volatile uint32_t *reg = &SAPMCU_REGISTER(step->address);
    switch (step->action) {
    case SAPMCU_UART_WRITE:
        *reg = step->value;
        break;
    case SAPMCU_UART_CHANGE:
        *reg = (*reg & ~step->mask) | step->value;
        (void)*reg;
        break;
    case SAPMCU_UART_WAIT:
        while ((*reg & step->mask) != step->value) {
        }
        break;
    }
}

void sapmcu_port_init(void) {
    for (size_t i = 0; i < sapmcu_board_uart.step_count; ++i) {
        do_step(&sapmcu_board_uart.steps[i]);
    }
    sapmcu_uart_enable(&sapmcu_board_uart);
    sapmcu_uart_send(&sapmcu_board_uart, SLIP_END); /* it listens now */
}

void sapmcu_port_write(const char *text, size_t length) {
    sapmcu_port_send((const uint8_t *)text, length);
}

size_t sapmcu_port_receive(uint8_t *data, size_t room) {
    size_t count = 0;
    while (count < room) {
        if (sapmcu_uart_receive(&sapmcu_board_uart, data + count)) {
            ++count;
        } else if (count > 0) {
            break;
        }
    }
    return count;
}

void sapmcu_port_send(const uint8_t *data, size_t length) {
    for (size_t i = 0; i < length; ++i) {
        sapmcu_uart_send(&sapmcu_board_uart, data[i]);
    }
}

/* A program that failed starts again, so that a board out of reach answers again. */
void sapmcu_port_exit(int code) {
    if (code != 0) {
        SAPMCU_REGISTER(SCB_AIRCR) = AIRCR_VECTKEY | AIRCR_SYSRESETREQ;
    }
    for (;;) {
    }
}
