/* SPDX-License-Identifier: Apache-2.0 */
/* The memory protection unit, where the core has one with enough regions, above the default memory map.
 * Sources: Armv6-M (DDI 0419, B3.5) and Armv7-M (DDI 0403, B3.5), PMSA: MPU_RBAR, MPU_RASR; Armv8-M (DDI
 * 0553): MPU_RLAR, MPU_MAIR0, MSPLIM. */
#include "board.h"

#define MPU_TYPE SAPMCU_REGISTER(0xE000ED90u)
#define MPU_CTRL SAPMCU_REGISTER(0xE000ED94u)
#define MPU_RNR  SAPMCU_REGISTER(0xE000ED98u)
#define MPU_RBAR SAPMCU_REGISTER(0xE000ED9Cu)
#define MPU_RASR SAPMCU_REGISTER(0xE000EDA0u) /* MPU_RLAR in Armv8-M */

#define CTRL_ENABLE     (1u << 0)
#define CTRL_PRIVDEFENA (1u << 2) /* elsewhere the default map holds; faults run without the MPU */

#if __ARM_ARCH == 8

#define MPU_RLAR  MPU_RASR
#define MPU_MAIR0 SAPMCU_REGISTER(0xE000EDC0u)

#define MAIR0_WRITE_THROUGH 0xAAu /* attribute 0: normal, reads allocate */
#define RBAR_XN             (1u << 0)
#define RBAR_READ_WRITE     (1u << 1)
#define RBAR_READ_ONLY      (3u << 1)
#define RLAR_ENABLE         (1u << 0)

/* There is no SAPMCU_REGION_NONE here: the stack has MSPLIM. */
SAPMCU_SMALL static void describe(const sapmcu_region *region) {
    MPU_MAIR0 = MAIR0_WRITE_THROUGH;
    MPU_RBAR =
        region->base | (region->kind == SAPMCU_REGION_CODE ? RBAR_READ_ONLY : RBAR_READ_WRITE | RBAR_XN);
    MPU_RLAR = ((region->base + region->bytes - 1u) & ~0x1Fu) | RLAR_ENABLE;
}

#else

#define RASR_ENABLE     (1u << 0)
#define RASR_XN         (1u << 28)
#define RASR_NO_ACCESS  (0u << 24)
#define RASR_READ_WRITE (3u << 24)
#define RASR_READ_ONLY  (6u << 24)
#define RASR_CACHED     (1u << 17)            /* write-through, as the default map has flash */
#define RASR_WRITE_BACK (1u << 19 | 3u << 16) /* and allocated by writes, as it has SRAM */

static uint32_t log2_of(uint32_t bytes) {
    uint32_t bit = 0;
    while (bytes >> bit > 1u) {
        ++bit;
    }
    return bit;
}

SAPMCU_SMALL static void describe(const sapmcu_region *region) {
    static const uint32_t attributes[] = {
        [SAPMCU_REGION_CODE] = RASR_READ_ONLY | RASR_CACHED,
        [SAPMCU_REGION_NONE] = RASR_NO_ACCESS | RASR_XN,
        [SAPMCU_REGION_MEMORY] = RASR_READ_WRITE | RASR_WRITE_BACK | RASR_XN,
    };
    MPU_RBAR = region->base;
    MPU_RASR = attributes[region->kind] | (log2_of(region->bytes) - 1u) << 1 | RASR_ENABLE;
}

#endif

SAPMCU_SMALL void sapmcu_protect_memory(const sapmcu_region *regions, size_t count) {
#if defined(__ARM_ARCH_8M_MAIN__) || defined(__ARM_ARCH_8_1M_MAIN__)
    extern uint32_t sapmcu_stack_top[];
    extern const char sapmcu_stack_bytes[];
    const uintptr_t bottom = (uintptr_t)sapmcu_stack_top - (uintptr_t)sapmcu_stack_bytes;
    __asm__ volatile("msr msplim, %0" ::"r"(bottom));
#endif
    if ((MPU_TYPE >> 8 & 0xFFu) < count) {
        return;
    }
    MPU_CTRL = 0;
    for (uint32_t i = 0; i < count; ++i) {
        MPU_RNR = i;
        describe(&regions[i]);
    }
    MPU_CTRL = CTRL_PRIVDEFENA | CTRL_ENABLE;
    __asm__ volatile("dsb\n\tisb" ::: "memory");
}
