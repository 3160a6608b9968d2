/* SPDX-License-Identifier: Apache-2.0 */
/* The core's cycle counter, where it has one and it runs: not in Armv6-M, nor in emulators. Sources: Armv7-M
 * (DDI 0403) and Armv8-M (DDI 0553) Architecture Reference Manuals, DWT and DEMCR; Cortex-M7 TRM (DDI 0489),
 * DWT lock access. */
#include "sapmcu/port.h"

#if __ARM_ARCH > 6 && !defined(__ARM_ARCH_8M_BASE__)

#define DEMCR      (*(volatile uint32_t *)0xE000EDFCu)
#define DWT_CTRL   (*(volatile uint32_t *)0xE0001000u)
#define DWT_CYCCNT (*(volatile uint32_t *)0xE0001004u)
#define DWT_LAR    (*(volatile uint32_t *)0xE0001FB0u)

#define DEMCR_TRCENA       (1u << 24)
#define DWT_CTRL_CYCCNTENA (1u << 0)
#define DWT_CTRL_NOCYCCNT  (1u << 25)
#define LAR_UNLOCK         0xC5ACCE55u

sapmcu_counter_kind sapmcu_port_counter(void) {
    DEMCR |= DEMCR_TRCENA;
    if (DWT_CTRL & DWT_CTRL_NOCYCCNT) {
        return SAPMCU_COUNTER_NONE;
    }
    DWT_LAR = LAR_UNLOCK;
    DWT_CTRL |= DWT_CTRL_CYCCNTENA;
    uint32_t start = DWT_CYCCNT;
    return DWT_CYCCNT != start ? SAPMCU_COUNTER_CYCLES : SAPMCU_COUNTER_NONE;
}

uint32_t sapmcu_port_count(void) {
    return DWT_CYCCNT;
}

#else

sapmcu_counter_kind sapmcu_port_counter(void) {
    return SAPMCU_COUNTER_NONE;
}

uint32_t sapmcu_port_count(void) {
    return 0;
}

#endif
