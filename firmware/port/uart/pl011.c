/* SPDX-License-Identifier: Apache-2.0 */
/* PrimeCell UART PL011, for instance of RP2040 and RP2350: FIFOs of 32 bytes there. The divisor is that of
 * its clock, in 64ths of 16 samples a bit. Source: PL011 TRM (DDI 0183), chapter 3, Programmers model. */
#include "uart.h"

#define UARTDR(uart)    SAPMCU_REGISTER((uart)->base + 0x00u)
#define UARTFR(uart)    SAPMCU_REGISTER((uart)->base + 0x18u)
#define UARTIBRD(uart)  SAPMCU_REGISTER((uart)->base + 0x24u)
#define UARTFBRD(uart)  SAPMCU_REGISTER((uart)->base + 0x28u)
#define UARTLCR_H(uart) SAPMCU_REGISTER((uart)->base + 0x2Cu)
#define UARTCR(uart)    SAPMCU_REGISTER((uart)->base + 0x30u)

#define FR_RXFE      (1u << 4)
#define FR_TXFF      (1u << 5)
#define LCR_H_FEN    (1u << 4)
#define LCR_H_8_BITS (3u << 5)
#define CR_UARTEN    (1u << 0)
#define CR_TXE       (1u << 8)
#define CR_RXE       (1u << 9)

void sapmcu_uart_enable(const sapmcu_uart *uart, uint32_t divisor) {
    UARTCR(uart) = 0; /* a boot loader may have used it */
    UARTIBRD(uart) = divisor >> 6;
    UARTFBRD(uart) = divisor & 0x3Fu;
    UARTLCR_H(uart) = LCR_H_8_BITS | LCR_H_FEN; /* takes the divisor over */
    UARTCR(uart) = CR_UARTEN | CR_TXE | CR_RXE;
}

bool sapmcu_uart_receive(const sapmcu_uart *uart, uint8_t *byte) {
    if ((UARTFR(uart) & FR_RXFE) != 0) {
        return false;
    }
    *byte = (uint8_t)UARTDR(uart);
    return true;
}

void sapmcu_uart_send(const sapmcu_uart *uart, uint8_t byte) {
    while ((UARTFR(uart) & FR_TXFF) != 0) {
    }
    UARTDR(uart) = byte;
}
