/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_UART_H
#define SAPMCU_UART_H

/* The UART of a board: 8 data bits, no parity, one stop bit, no flow control. What differs from board to
 * board is data, generated from the board's facts; what differs from one family of UARTs to the next is one
 * file each. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What must happen to a register before the UART works: clocks, pins. */
typedef enum {
    SAPMCU_UART_WRITE,  /* value */
    SAPMCU_UART_CHANGE, /* the bits of mask to those of value */
    SAPMCU_UART_WAIT,   /* until the bits of mask are those of value */
} sapmcu_uart_action;

typedef struct {
    sapmcu_uart_action action;
    uint32_t address;
    uint32_t mask;
    uint32_t value;
} sapmcu_uart_step;

/* divisor: what makes the baud rate, as the family's registers have it. steps: in their order, before the
 * first access to the UART itself. */
typedef struct {
    uint32_t base;
    uint32_t divisor;
    const sapmcu_uart_step *steps;
    size_t step_count;
} sapmcu_uart;

/* Of this board: generated. */
extern const sapmcu_uart sapmcu_board_uart;

/* Of the family. enable: set the baud rate, then receive and transmit. receive: whether a byte has arrived,
 * which is taken. send: returns when the UART has taken the byte. A byte that arrives damaged, or before the
 * last one was taken, is lost or wrong; the UART goes on. */
void sapmcu_uart_enable(const sapmcu_uart *uart);
bool sapmcu_uart_receive(const sapmcu_uart *uart, uint8_t *byte);
void sapmcu_uart_send(const sapmcu_uart *uart, uint8_t byte);

#define SAPMCU_REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

#endif
