/* SPDX-License-Identifier: Apache-2.0 */
/* USART and LPUART of STM32F0, F3, F7, G0, G4, H7, L4, L4+, L5, U5 and WB, those with ISR, RDR and TDR. The
 * divisor is that of the USART's clock, in 256ths for an LPUART. Its FIFO, where it has one, stays off.
 * Sources: RM0433, chapters USART and LPUART: baud rate generation, registers. */
#include "uart.h"

#define USART_CR1(uart) SAPMCU_REGISTER((uart)->base + 0x00u)
#define USART_CR2(uart) SAPMCU_REGISTER((uart)->base + 0x04u)
#define USART_CR3(uart) SAPMCU_REGISTER((uart)->base + 0x08u)
#define USART_BRR(uart) SAPMCU_REGISTER((uart)->base + 0x0Cu)
#define USART_ISR(uart) SAPMCU_REGISTER((uart)->base + 0x1Cu)
#define USART_RDR(uart) SAPMCU_REGISTER((uart)->base + 0x24u)
#define USART_TDR(uart) SAPMCU_REGISTER((uart)->base + 0x28u)

#define CR1_UE     (1u << 0)
#define CR1_RE     (1u << 2)
#define CR1_TE     (1u << 3)
#define CR3_OVRDIS (1u << 12)
#define ISR_RXNE   (1u << 5)
#define ISR_TXE    (1u << 7)

void sapmcu_uart_enable(const sapmcu_uart *uart, uint32_t divisor) {
    USART_CR1(uart) = 0; /* a boot loader may have used it */
    USART_CR2(uart) = 0;
    USART_CR3(uart) = CR3_OVRDIS; /* else an overrun stays until it is acknowledged */
    USART_BRR(uart) = divisor;
    USART_CR1(uart) = CR1_UE | CR1_TE | CR1_RE;
}

bool sapmcu_uart_receive(const sapmcu_uart *uart, uint8_t *byte) {
    if ((USART_ISR(uart) & ISR_RXNE) == 0) {
        return false;
    }
    *byte = (uint8_t)USART_RDR(uart);
    return true;
}

void sapmcu_uart_send(const sapmcu_uart *uart, uint8_t byte) {
    while ((USART_ISR(uart) & ISR_TXE) == 0) {
    }
    USART_TDR(uart) = byte;
}
