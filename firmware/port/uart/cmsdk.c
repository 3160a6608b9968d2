/* SPDX-License-Identifier: Apache-2.0 */
/* APB UART of Arm's Cortex-M System Design Kit, on MPS2 and MPS3 boards; always 8N1. It holds one byte each
 * way. The divisor is that of its clock. Source: Cortex-M System Design Kit TRM (DDI 0479), section 4.3, APB
 * UART. */
#include "uart.h"

#define DATA(uart)    SAPMCU_REGISTER((uart)->base + 0x00u)
#define STATE(uart)   SAPMCU_REGISTER((uart)->base + 0x04u)
#define CTRL(uart)    SAPMCU_REGISTER((uart)->base + 0x08u)
#define BAUDDIV(uart) SAPMCU_REGISTER((uart)->base + 0x10u)

#define STATE_TX_FULL (1u << 0)
#define STATE_RX_FULL (1u << 1)
#define CTRL_TX       (1u << 0)
#define CTRL_RX       (1u << 1)

void sapmcu_uart_enable(const sapmcu_uart *uart, uint32_t divisor) {
    BAUDDIV(uart) = divisor;
    CTRL(uart) = CTRL_TX | CTRL_RX;
}

bool sapmcu_uart_receive(const sapmcu_uart *uart, uint8_t *byte) {
    if ((STATE(uart) & STATE_RX_FULL) == 0) {
        return false;
    }
    *byte = (uint8_t)DATA(uart);
    return true;
}

void sapmcu_uart_send(const sapmcu_uart *uart, uint8_t byte) {
    while ((STATE(uart) & STATE_TX_FULL) != 0) {
    }
    DATA(uart) = byte;
}
