/* SPDX-License-Identifier: Apache-2.0 */
/* What happens on an exception that nobody expects: note where and why, tell the host, end. The note survives
 * a reset, so that the next program can tell it, too. Sources: Armv6-M (DDI 0419), Armv7-M (DDI 0403) and
 * Armv8-M (DDI 0553) Architecture Reference Manuals: exception entry, EXC_RETURN, CFSR, HFSR, MMFAR, BFAR. */
#include "board.h"

#include <string.h>

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

#define VALID 0x5AFEFA17u

enum { FRAME_WORDS = 8, FRAME_LR = 5, FRAME_PC = 6, FRAME_PSR = 7 };

__attribute__((noreturn)) void sapmcu_report_fault(void);
__attribute__((naked)) void sapmcu_unexpected_exception(void);

/* Neither cleared nor set at start. */
__attribute__((section(".noinit"))) static struct {
    uint32_t valid;
    sapmcu_fault fault;
    uint32_t check;
} note;

/* Of the exception, copied from the stack before the stack is used again; zero where it wasn't in it. */
__attribute__((used)) uint32_t sapmcu_fault_frame[FRAME_WORDS];
__attribute__((used)) uint32_t sapmcu_fault_sp;

static uint32_t check_of(const sapmcu_fault *fault) {
    uint32_t words[sizeof *fault / 4u];
    uint32_t sum = VALID;
    memcpy(words, fault, sizeof words);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; ++i) {
        sum = (sum << 5 | sum >> 27) ^ words[i];
    }
    return sum;
}

void sapmcu_take_fault(sapmcu_fault *fault) {
    memset(fault, 0, sizeof *fault);
    if (note.valid == VALID && note.check == check_of(&note.fault)) {
        *fault = note.fault;
    }
    note.valid = 0;
}

/* In assembly, since the stack may be what is at fault: keep the frame where it lies inside the stack, then
 * begin the stack anew; nobody returns from here. */
void sapmcu_unexpected_exception(void) {
    __asm__ volatile(".syntax unified\n\t"
                     "mrs r0, msp\n\t"
                     "movs r1, #4\n\t"
                     "mov r2, lr\n\t"
                     "tst r2, r1\n\t"
                     "beq 1f\n\t"
                     "mrs r0, psp\n"
                     "1:\n\t"
                     "ldr r1, =sapmcu_fault_sp\n\t"
                     "str r0, [r1]\n\t"
                     "ldr r2, =sapmcu_stack_top\n\t"
                     "ldr r3, =sapmcu_stack_bytes\n\t"
                     "subs r3, r2, r3\n\t"
                     "mov sp, r2\n\t"
                     "cmp r0, r3\n\t"
                     "bcc 2f\n\t"
                     "subs r2, #32\n\t"
                     "cmp r2, r0\n\t"
                     "bcc 2f\n\t"
                     "ldr r1, =sapmcu_fault_frame\n\t"
                     "ldmia r0!, {r4, r5, r6, r7}\n\t"
                     "stmia r1!, {r4, r5, r6, r7}\n\t"
                     "ldmia r0!, {r4, r5, r6, r7}\n\t"
                     "stmia r1!, {r4, r5, r6, r7}\n"
                     "2:\n\t"
                     "bl sapmcu_report_fault\n\t"
                     ".ltorg");
}

#if __ARM_ARCH > 6 && !defined(__ARM_ARCH_8M_BASE__)
static void read_status(sapmcu_fault *fault) {
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
static void read_status(sapmcu_fault *fault) {
    (void)fault;
}
#endif

/* Text without a C library, which may be what failed. */
static void print_number(const char *name, uint32_t number) {
    char text[] = " 0x00000000";
    for (size_t i = 0; i < 8; ++i) {
        text[sizeof text - 2 - i] = "0123456789abcdef"[number >> (4 * i) & 15u];
    }
    sapmcu_port_write(name, strlen(name));
    sapmcu_port_write(text, sizeof text - 1);
}

static void print_fault(const sapmcu_fault *fault) {
    char title[] = "unexpected exception 00\n";
    title[sizeof title - 4] = (char)('0' + fault->exception / 10 % 10);
    title[sizeof title - 3] = (char)('0' + fault->exception % 10);
    sapmcu_port_write(title, sizeof title - 1);
    print_number("pc", fault->pc);
    print_number(" lr", fault->lr);
    print_number(" sp", fault->sp);
    print_number(" psr", fault->psr);
    print_number("\ncfsr", fault->cfsr);
    print_number(" hfsr", fault->hfsr);
    print_number(" address", fault->address);
    sapmcu_port_write("\n", 1);
}

void sapmcu_report_fault(void) {
    uint32_t number;
    __asm__ volatile("mrs %0, ipsr" : "=r"(number));
    sapmcu_fault fault = {
        .exception = number & 0x1FFu,
        .pc = sapmcu_fault_frame[FRAME_PC],
        .lr = sapmcu_fault_frame[FRAME_LR],
        .psr = sapmcu_fault_frame[FRAME_PSR],
        .sp = sapmcu_fault_sp,
    };
    read_status(&fault);
    note.fault = fault;
    note.check = check_of(&fault);
    note.valid = VALID;
    print_fault(&fault);
    sapmcu_port_exit(128 + (int)fault.exception);
}
