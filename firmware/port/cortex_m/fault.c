/* SPDX-License-Identifier: Apache-2.0 */
/* What happens on an exception that nobody expects: note where and why, tell the host, end. The note survives
 * a reset, so that the next program can tell it, too. Sources: Armv6-M (DDI 0419), Armv7-M (DDI 0403) and
 * Armv8-M (DDI 0553) Architecture Reference Manuals: exception entry, EXC_RETURN, CFSR, HFSR, MMFAR, BFAR. */
#include "board.h"

#define SCB_CFSR  SAPMCU_REGISTER(0xE000ED28u)
#define SCB_HFSR  SAPMCU_REGISTER(0xE000ED2Cu)
#define SCB_MMFAR SAPMCU_REGISTER(0xE000ED34u)
#define SCB_BFAR  SAPMCU_REGISTER(0xE000ED38u)

#define CFSR_MSTKERR   (1u << 4)
#define CFSR_MMARVALID (1u << 7)
#define CFSR_STKERR    (1u << 12)
#define CFSR_BFARVALID (1u << 15)
#define CFSR_STKOF     (1u << 20) /* Armv8-M: below MSPLIM */
#define NOT_STACKED    (CFSR_MSTKERR | CFSR_STKERR | CFSR_STKOF)

#define FRESH 0x5AFEFA17u
#define TOLD  0x5AFEFA18u

__attribute__((noreturn)) void sapmcu_report_fault(void);
__attribute__((naked)) void sapmcu_unexpected_exception(void);

/* Neither cleared nor set at start. state: FRESH until the next program has asked; check: that the rest isn't
 * what RAM happens to hold. The handler below writes pc to sp of the fault. */
__attribute__((used, section(".noinit"))) struct {
    uint32_t state;
    sapmcu_fault fault;
    uint32_t check;
} sapmcu_fault_note;

SAPMCU_SMALL static uint32_t check_of_note(void) {
    const uint32_t *word = &sapmcu_fault_note.state;
    uint32_t sum = 0;
    do {
        sum = (sum << 5 | sum >> 27) ^ *word;
    } while (++word != &sapmcu_fault_note.check);
    return sum;
}

SAPMCU_SMALL const sapmcu_fault *sapmcu_last_fault(void) {
    const bool is_fresh = sapmcu_fault_note.state == FRESH && sapmcu_fault_note.check == check_of_note();
    sapmcu_fault_note.state = TOLD;
    return is_fresh ? &sapmcu_fault_note.fault : NULL;
}

/* In assembly, since the stack may be what is at fault: keep pc, lr and psr of the frame where it lies inside
 * the stack, else zeros, and sp; then begin the stack anew, for nobody returns from here. */
void sapmcu_unexpected_exception(void) {
    __asm__ volatile(".syntax unified\n\t"
                     "mrs r0, msp\n\t"
                     "movs r1, #4\n\t"
                     "mov r2, lr\n\t"
                     "tst r2, r1\n\t"
                     "beq 1f\n\t"
                     "mrs r0, psp\n"
                     "1:\n\t"
                     "mov r7, r0\n\t"
                     "movs r4, #0\n\t"
                     "movs r5, #0\n\t"
                     "movs r6, #0\n\t"
                     "ldr r2, =sapmcu_stack_top\n\t"
                     "ldr r3, =sapmcu_stack_bytes\n\t"
                     "subs r3, r2, r3\n\t"
                     "mov sp, r2\n\t"
                     "cmp r0, r3\n\t"
                     "bcc 2f\n\t"
                     "subs r2, #32\n\t"
                     "cmp r2, r0\n\t"
                     "bcc 2f\n\t"
                     "adds r0, #20\n\t"
                     "ldmia r0!, {r5}\n\t"
                     "ldmia r0!, {r4, r6}\n"
                     "2:\n\t"
                     "ldr r1, =sapmcu_fault_note + 8\n\t"
                     "stmia r1!, {r4, r5, r6, r7}\n\t"
                     "bl sapmcu_report_fault\n\t"
                     ".ltorg");
}

#if __ARM_ARCH > 6 && !defined(__ARM_ARCH_8M_BASE__)
SAPMCU_SMALL static void read_status(sapmcu_fault *fault) {
    fault->cfsr = SCB_CFSR;
    fault->hfsr = SCB_HFSR;
    if ((fault->cfsr & CFSR_MMARVALID) != 0) {
        fault->address = SCB_MMFAR;
    } else if ((fault->cfsr & CFSR_BFARVALID) != 0) {
        fault->address = SCB_BFAR;
    }
    if ((fault->cfsr & NOT_STACKED) != 0) { /* what lies there isn't the frame */
        fault->pc = fault->lr = fault->psr = 0;
    }
}
#else
SAPMCU_SMALL static void read_status(sapmcu_fault *fault) {
    (void)fault;
}
#endif

/* Text without a C library, which may be what failed: up to a zero; returns what follows it. */
SAPMCU_SMALL static const char *print(const char *text) {
    const char *end = text;
    while (*end != '\0') {
        ++end;
    }
    sapmcu_port_write(text, (size_t)(end - text));
    return end + 1;
}

/* The lowest `count` digits. */
SAPMCU_SMALL static void print_digits(uint32_t number, size_t count, uint32_t base) {
    char text[9];
    text[count] = '\0';
    while (count > 0) {
        const uint32_t digit = number % base;
        text[--count] = (char)(digit < 10 ? '0' + digit : 'a' - 10 + digit);
        number /= base;
    }
    print(text);
}

SAPMCU_SMALL static void print_fault(const sapmcu_fault *fault) {
    static const char names[] = "unexpected exception \0"
                                "\npc 0x\0 lr 0x\0 psr 0x\0 sp 0x\0\ncfsr 0x\0 hfsr 0x\0 address 0x\0\n";
    const uint32_t *number = &fault->exception;
    const char *name = print(names);
    print_digits(*number, 2, 10);
    while (number != &fault->address) {
        name = print(name);
        print_digits(*++number, 8, 16);
    }
    print(name);
}

SAPMCU_SMALL void sapmcu_report_fault(void) {
    sapmcu_fault *fault = &sapmcu_fault_note.fault;
    uint32_t number;
    __asm__ volatile("mrs %0, ipsr" : "=r"(number));
    fault->exception = number & 0x1FFu;
    fault->cfsr = fault->hfsr = fault->address = 0;
    read_status(fault);
    sapmcu_fault_note.state = FRESH;
    sapmcu_fault_note.check = check_of_note();
    print_fault(fault);
    sapmcu_port_exit(128 + (int)fault->exception);
}
