/* SPDX-License-Identifier: Apache-2.0 */
/* The cycle-up counter of Arm's MPS2 and MPS3 boards, at SAPMCU_FPGAIO_BASE. It counts the board's clock; in
 * QEMU with -icount that is exact time, and thus instructions. Source: Arm AN385 (DAI 0385), "FPGA system
 * control and I/O". */
#include "sapmcu/port.h"

#define FPGAIO_COUNTER  (*(volatile uint32_t *)(SAPMCU_FPGAIO_BASE + 0x18u))
#define FPGAIO_PRESCALE (*(volatile uint32_t *)(SAPMCU_FPGAIO_BASE + 0x1Cu))

sapmcu_counter_kind sapmcu_port_counter(void) {
    FPGAIO_PRESCALE = 0;
    return SAPMCU_COUNTER_TICKS;
}

uint32_t sapmcu_port_count(void) {
    return FPGAIO_COUNTER;
}
