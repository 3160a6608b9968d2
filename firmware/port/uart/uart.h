/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_UART_H
#define SAPMCU_UART_H

/* The UART of a board: 8 data bits, no parity, one stop bit, no flow control. What differs from board to
 * board is data, generated from the board's facts; what differs from one family of UARTs to the next is one
 * file each. */

#include "../steps.h"

/* divisor: what makes the baud rate, as the family's registers have it; fast_divisor: where the board's clock
 * is the fast one. setup: in its order, before the first access to the UART itself. */
typedef struct {
    uint32_t base;
    uint32_t divisor;
    uint32_t fast_divisor;
    sapmcu_steps setup;
} sapmcu_uart;

/* Of this board: generated. */
extern const sapmcu_uart sapmcu_board_uart;

/* Of the family. enable: set the baud rate, then receive and transmit. receive: whether a byte has arrived,
 * which is taken. send: returns when the UART has taken the byte. A byte that arrives damaged, or before the
 * last one was taken, is lost or wrong; the UART goes on. */
void sapmcu_uart_enable(const sapmcu_uart *uart, uint32_t divisor);
bool sapmcu_uart_receive(const sapmcu_uart *uart, uint8_t *byte);
void sapmcu_uart_send(const sapmcu_uart *uart, uint8_t byte);

#endif
