/* SPDX-License-Identifier: Apache-2.0 */
/* UARTE of nRF52, nRF53 and nRF91: bytes come and go through EasyDMA, here in buffers of one byte in SRAM,
 * the only memory that it reaches. What arrives between two buffers waits in its FIFO. The divisor is the
 * value that the manual lists for a baud rate. Source: nRF5340 Product Specification, UARTE. */
#include "uart.h"

#define STARTRX(uart)    SAPMCU_REGISTER((uart)->base + 0x000u)
#define STARTTX(uart)    SAPMCU_REGISTER((uart)->base + 0x008u)
#define ENDRX(uart)      SAPMCU_REGISTER((uart)->base + 0x110u)
#define ENDTX(uart)      SAPMCU_REGISTER((uart)->base + 0x120u)
#define ENABLE(uart)     SAPMCU_REGISTER((uart)->base + 0x500u)
#define BAUDRATE(uart)   SAPMCU_REGISTER((uart)->base + 0x524u)
#define RXD_PTR(uart)    SAPMCU_REGISTER((uart)->base + 0x534u)
#define RXD_MAXCNT(uart) SAPMCU_REGISTER((uart)->base + 0x538u)
#define TXD_PTR(uart)    SAPMCU_REGISTER((uart)->base + 0x544u)
#define TXD_MAXCNT(uart) SAPMCU_REGISTER((uart)->base + 0x548u)
#define CONFIG(uart)     SAPMCU_REGISTER((uart)->base + 0x56Cu)

#define ENABLE_UARTE 8u

static volatile uint8_t received, sent;

void sapmcu_uart_enable(const sapmcu_uart *uart, uint32_t divisor) {
    BAUDRATE(uart) = divisor;
    CONFIG(uart) = 0;
    RXD_PTR(uart) = (uint32_t)(uintptr_t)&received;
    RXD_MAXCNT(uart) = sizeof received;
    TXD_PTR(uart) = (uint32_t)(uintptr_t)&sent;
    TXD_MAXCNT(uart) = sizeof sent;
    ENABLE(uart) = ENABLE_UARTE;
    ENDRX(uart) = 0;
    STARTRX(uart) = 1;
}

bool sapmcu_uart_receive(const sapmcu_uart *uart, uint8_t *byte) {
    if (ENDRX(uart) == 0) {
        return false;
    }
    ENDRX(uart) = 0;
    *byte = received;
    STARTRX(uart) = 1;
    return true;
}

void sapmcu_uart_send(const sapmcu_uart *uart, uint8_t byte) {
    ENDTX(uart) = 0;
    sent = byte;
    STARTTX(uart) = 1;
    while (ENDTX(uart) == 0) {
    }
}
