/* SPDX-License-Identifier: Apache-2.0 */
/* Vector table and reset handler of any Cortex-M. Sources: Armv6-M (DDI 0419), Armv7-M (DDI 0403) and Armv8-M
 * (DDI 0553) Architecture Reference Manuals: exception model, VTOR, CPACR. */
#include "board.h"

#include <stdint.h>

typedef void (*handler_fn)(void);

/* Addresses that ld/sections.ld defines. */
extern uint32_t sapmcu_stack_top[];
extern uint32_t sapmcu_data_start[], sapmcu_data_end[], sapmcu_data_load[];
extern uint32_t sapmcu_bss_start[], sapmcu_bss_end[];
extern handler_fn sapmcu_init_start[], sapmcu_init_end[];

int main(void);
void sapmcu_reset_handler(void);
void sapmcu_unexpected_exception(void);
void sapmcu_systick_handler(void) __attribute__((weak, alias("sapmcu_no_systick")));
void sapmcu_no_systick(void);

#define SCB_VTOR  (*(volatile uint32_t *)0xE000ED08u)
#define SCB_CPACR (*(volatile uint32_t *)0xE000ED88u)

#define CPACR_CP10_CP11_FULL (0xFu << 20)

static const union {
    handler_fn handler;
    uint32_t *stack;
} vectors[16] __attribute__((used, section(".vectors"))) = {
    {.stack = sapmcu_stack_top},
    {.handler = sapmcu_reset_handler},
    {.handler = sapmcu_unexpected_exception}, /* NMI */
    {.handler = sapmcu_unexpected_exception}, /* HardFault */
    {.handler = sapmcu_unexpected_exception}, /* MemManage */
    {.handler = sapmcu_unexpected_exception}, /* BusFault */
    {.handler = sapmcu_unexpected_exception}, /* UsageFault */
    {.handler = sapmcu_unexpected_exception}, /* SecureFault */
    {.handler = 0},
    {.handler = 0},
    {.handler = 0},
    {.handler = sapmcu_unexpected_exception}, /* SVCall */
    {.handler = sapmcu_unexpected_exception}, /* DebugMonitor */
    {.handler = 0},
    {.handler = sapmcu_unexpected_exception}, /* PendSV */
    {.handler = sapmcu_systick_handler},
};

/* Apart from the reset handler, so that the compiler can't use the FPU before it is on. volatile: else it
 * calls memcpy and memset, which most firmware needs nowhere else. */
__attribute__((noinline, noreturn)) static void start_program(void) {
    uint32_t failed_step = sapmcu_board_prepare();
    const uint32_t *from = sapmcu_data_load;
    for (volatile uint32_t *to = sapmcu_data_start; to < sapmcu_data_end; ++to) {
        *to = *from++;
    }
    for (volatile uint32_t *to = sapmcu_bss_start; to < sapmcu_bss_end; ++to) {
        *to = 0;
    }
    sapmcu_board_begin(failed_step);
    for (handler_fn *constructor = sapmcu_init_start; constructor < sapmcu_init_end; ++constructor) {
        (*constructor)();
    }
    sapmcu_port_exit(main());
}

void sapmcu_reset_handler(void) {
#if __ARM_ARCH > 6 || defined(SAPMCU_HAS_VTOR)
    SCB_VTOR = (uint32_t)(uintptr_t)vectors; /* a boot loader may have left its own */
#endif
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    SCB_CPACR |= CPACR_CP10_CP11_FULL;
    __asm__ volatile("dsb\n\tisb" ::: "memory");
#endif
    start_program();
}

/* Where no port defines sapmcu_systick_handler. It jumps, so that LR stays that of the exception. */
__attribute__((naked)) void sapmcu_no_systick(void) {
    __asm__ volatile("ldr r0, =sapmcu_unexpected_exception\n\t"
                     "bx r0\n\t"
                     ".ltorg");
}
