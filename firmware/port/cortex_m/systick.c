/* SPDX-License-Identifier: Apache-2.0 */
/* SysTick as the cycle counter of Armv6-M cores, which have no DWT_CYCCNT: 24 bits that count the core's
 * clock down, and an interrupt each 2^24 cycles that counts the rest. The interrupt costs some 30 cycles and
 * 32 bytes of stack each time. Source: Armv6-M Architecture Reference Manual (DDI 0419), B3.3, System timer.
 */
#include "sapmcu/port.h"

#define SYST_CSR (*(volatile uint32_t *)0xE000E010u)
#define SYST_RVR (*(volatile uint32_t *)0xE000E014u)
#define SYST_CVR (*(volatile uint32_t *)0xE000E018u)
#define SCB_ICSR (*(volatile uint32_t *)0xE000ED04u)

#define CSR_ENABLE     (1u << 0)
#define CSR_TICKINT    (1u << 1)
#define CSR_CLKSOURCE  (1u << 2) /* the core's */
#define ICSR_PENDSTSET (1u << 26)
#define PERIOD         (1u << 24)

void sapmcu_systick_handler(void);

static volatile uint32_t periods;

void sapmcu_systick_handler(void) {
    ++periods;
}

sapmcu_counter_kind sapmcu_port_counter(void) {
    SYST_RVR = PERIOD - 1u;
    SYST_CVR = 0; /* any write clears it */
    SYST_CSR = CSR_CLKSOURCE | CSR_TICKINT | CSR_ENABLE;
    const uint32_t start = sapmcu_port_count();
    __asm__ volatile("nop\n\tnop\n\tnop\n\tnop" ::: "memory");
    return sapmcu_port_count() != start ? SAPMCU_COUNTER_CYCLES : SAPMCU_COUNTER_NONE;
}

/* Read again where the counter has begun anew in between, or where that waits to be counted. */
uint32_t sapmcu_port_count(void) {
    uint32_t before, value;
    do {
        before = periods;
        value = SYST_CVR;
    } while (before != periods || (SCB_ICSR & ICSR_PENDSTSET) != 0);
    return before * PERIOD + (PERIOD - 1u - value);
}
