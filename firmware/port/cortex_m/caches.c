/* SPDX-License-Identifier: Apache-2.0 */
/* Caches of Cortex-M7, both off and with unknown content after reset. Source: Cortex-M7 Generic User Guide
 * (DUI 0646), "Cache maintenance operations": enabling the caches; CCSIDR, DCISW, ICIALLU, CCR. */
#include "board.h"

#if __ARM_ARCH == 7 && defined(__ARM_FEATURE_DSP)

#define SCB_CCR     SAPMCU_REGISTER(0xE000ED14u)
#define SCB_CCSIDR  SAPMCU_REGISTER(0xE000ED80u)
#define SCB_CSSELR  SAPMCU_REGISTER(0xE000ED84u)
#define SCB_ICIALLU SAPMCU_REGISTER(0xE000EF50u)
#define SCB_DCISW   SAPMCU_REGISTER(0xE000EF60u)

#define CCR_DC (1u << 16)
#define CCR_IC (1u << 17)

#define BARRIER() __asm__ volatile("dsb\n\tisb" ::: "memory")

/* Nothing was cached while the data cache was off, so that nothing is lost with what it held. */
SAPMCU_SMALL void sapmcu_enable_caches(void) {
    SCB_ICIALLU = 0;
    BARRIER();
    SCB_CCR |= CCR_IC;
    SCB_CSSELR = 0; /* level 1, data */
    BARRIER();
    const uint32_t size = SCB_CCSIDR;
    for (uint32_t set = 0; set <= (size >> 13 & 0x7FFFu); ++set) {
        for (uint32_t way = 0; way <= (size >> 3 & 0x3FFu); ++way) {
            SCB_DCISW = way << 30 | set << 5; /* 4 ways, lines of 32 bytes */
        }
    }
    BARRIER();
    SCB_CCR |= CCR_DC;
    BARRIER();
}

#else

SAPMCU_SMALL void sapmcu_enable_caches(void) {}

#endif
