/* SPDX-License-Identifier: Apache-2.0 */
/* USART of STM32F1, F2, F4 and L1, the one with SR and DR. The divisor is that of its clock, in 16ths of 16
 * samples a bit. An overrun ends as SR and DR are read. Source: RM0090, chapter USART: Fractional baud rate
 * generation, USART registers. */
#include "uart.h"

#define USART_SR(uart)  SAPMCU_REGISTER((uart)->base + 0x00u)
#define USART_DR(uart)  SAPMCU_REGISTER((uart)->base + 0x04u)
#define USART_BRR(uart) SAPMCU_REGISTER((uart)->base + 0x08u)
#define USART_CR1(uart) SAPMCU_REGISTER((uart)->base + 0x0Cu)
#define USART_CR2(uart) SAPMCU_REGISTER((uart)->base + 0x10u)
#define USART_CR3(uart) SAPMCU_REGISTER((uart)->base + 0x14u)

#define SR_RXNE (1u << 5)
#define SR_TXE  (1u << 7)
#define CR1_RE  (1u << 2)
#define CR1_TE  (1u << 3)
#define CR1_UE  (1u << 13)

void sapmcu_uart_enable(const sapmcu_uart *uart, uint32_t divisor) {
    USART_CR1(uart) = 0; /* a boot loader may have used it */
    USART_CR2(uart) = 0;
    USART_CR3(uart) = 0;
    USART_BRR(uart) = divisor;
    USART_CR1(uart) = CR1_UE | CR1_TE | CR1_RE;
}

bool sapmcu_uart_receive(const sapmcu_uart *uart, uint8_t *byte) {
    if ((USART_SR(uart) & SR_RXNE) == 0) {
        return false;
    }
    *byte = (uint8_t)USART_DR(uart);
    return true;
}

void sapmcu_uart_send(const sapmcu_uart *uart, uint8_t byte) {
    while ((USART_SR(uart) & SR_TXE) == 0) {
    }
    USART_DR(uart) = byte;
}
