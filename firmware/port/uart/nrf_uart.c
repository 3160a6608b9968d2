/* SPDX-License-Identifier: Apache-2.0 */
/* UART of nRF51, and of nRF52 where it shares its place with the UARTE. It receives six bytes ahead. The
 * divisor is the value that the manual lists for a baud rate. Sources: nRF51 Series Reference Manual v3.0,
 * chapter 29, UART; nRF52840 Product Specification, UART. */
#include "uart.h"

#define STARTRX(uart)  SAPMCU_REGISTER((uart)->base + 0x000u)
#define STARTTX(uart)  SAPMCU_REGISTER((uart)->base + 0x008u)
#define RXDRDY(uart)   SAPMCU_REGISTER((uart)->base + 0x108u)
#define TXDRDY(uart)   SAPMCU_REGISTER((uart)->base + 0x11Cu)
#define ENABLE(uart)   SAPMCU_REGISTER((uart)->base + 0x500u)
#define RXD(uart)      SAPMCU_REGISTER((uart)->base + 0x518u)
#define TXD(uart)      SAPMCU_REGISTER((uart)->base + 0x51Cu)
#define BAUDRATE(uart) SAPMCU_REGISTER((uart)->base + 0x524u)
#define CONFIG(uart)   SAPMCU_REGISTER((uart)->base + 0x56Cu)

#define ENABLE_UART 4u

void sapmcu_uart_enable(const sapmcu_uart *uart, uint32_t divisor) {
    BAUDRATE(uart) = divisor;
    CONFIG(uart) = 0;
    ENABLE(uart) = ENABLE_UART;
    RXDRDY(uart) = 0;
    TXDRDY(uart) = 0;
    STARTTX(uart) = 1;
    STARTRX(uart) = 1;
}

/* The event is cleared before RXD is read, since that brings the next byte and its event. */
bool sapmcu_uart_receive(const sapmcu_uart *uart, uint8_t *byte) {
    if (RXDRDY(uart) == 0) {
        return false;
    }
    RXDRDY(uart) = 0;
    *byte = (uint8_t)RXD(uart);
    return true;
}

void sapmcu_uart_send(const sapmcu_uart *uart, uint8_t byte) {
    TXD(uart) = byte;
    while (TXDRDY(uart) == 0) {
    }
    TXDRDY(uart) = 0;
}
