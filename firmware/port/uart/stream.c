/* SPDX-License-Identifier: Apache-2.0 */
/* Port through the board's UART. Text and the byte stream share the line: text goes out as it is, and a host
 * skips what stands between two frames (docs/SPEC.md). The firmware prints none inside of a frame, but for a
 * fault, after which the frame is lost anyway. Source of AIRCR: Armv6-M (DDI 0419), Armv7-M (DDI 0403) and
 * Armv8-M (DDI 0553) Architecture Reference Manuals. */
#include "../board.h"
#include "uart.h"

#define SCB_AIRCR         0xE000ED0Cu
#define AIRCR_VECTKEY     (0x05FAu << 16)
#define AIRCR_SYSRESETREQ (1u << 2)

#define SLIP_END 0xC0u

/* A fault before it is open has no way out. */
static bool is_open;

/* A step that waits in vain is passed over: a clock that isn't quite right is better than none. */
void sapmcu_port_init(void) {
    const sapmcu_uart *uart = &sapmcu_board_uart;
    for (size_t i = 0; i < uart->setup.count; ++i) {
        (void)sapmcu_take_step(&uart->setup.steps[i]);
    }
    const bool is_fast =
        sapmcu_this_board.clock.count > 0 && sapmcu_port_read_state()->failed_clock_step == 0;
    sapmcu_uart_enable(uart, is_fast ? uart->fast_divisor : uart->divisor);
    is_open = true;
    sapmcu_uart_send(uart, SLIP_END); /* it listens now */
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
    for (size_t i = 0; is_open && i < length; ++i) {
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
