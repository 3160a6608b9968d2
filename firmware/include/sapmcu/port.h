/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_PORT_H
#define SAPMCU_PORT_H

/* What an application needs from its board. One implementation per way to reach the host: port/. */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Make the others usable. Call it first, once. */
void sapmcu_port_init(void);

/* Send `length` bytes of text to the host's console; returns when all are sent. A UART has one line for the
 * text and the byte stream: print nothing while a reply is being sent. */
void sapmcu_port_write(const char *text, size_t length);

/* The byte stream of the device protocol, apart from the console where the port can tell them apart.
 * receive: wait for one byte or more, at most `room`; their number, 0 when the host has closed the stream.
 * send: returns when all are sent. */
size_t sapmcu_port_receive(uint8_t *data, size_t room);
void sapmcu_port_send(const uint8_t *data, size_t length);

/* End the program; 0 is success. On a board without a host it stops here, or starts again where it failed. */
__attribute__((noreturn)) void sapmcu_port_exit(int code);

/* A free-running counter, for the difference of two readings less than 2^32 apart. */
typedef enum {
    SAPMCU_COUNTER_NONE = 0,   /* there is none: it reads 0 */
    SAPMCU_COUNTER_CYCLES = 1, /* cycles of the core */
    SAPMCU_COUNTER_TICKS = 2,  /* ticks of a timer of known rate */
} sapmcu_counter_kind;

/* Start the counter; what it counts. */
sapmcu_counter_kind sapmcu_port_counter(void);
uint32_t sapmcu_port_count(void);

/* The stack below the caller's frame, to measure how deep it grows.
 * paint: write a pattern over all of it. depth: bytes in use now, at the call. peak: the most bytes in use
 * since the last paint. size: bytes that it has. All 0 on a host. */
void sapmcu_port_paint_stack(void);
uint32_t sapmcu_port_stack_depth(void);
uint32_t sapmcu_port_stack_peak(void);
uint32_t sapmcu_port_stack_size(void);

/* An exception that nobody expected. exception: its number, 0 for none. pc, lr, psr: of the code that it
 * interrupted, 0 where the stack was at fault. cfsr, hfsr: why, and the address that was accessed; 0 where
 * the core doesn't tell. */
typedef struct {
    uint32_t exception, pc, lr, psr, sp, cfsr, hfsr, address;
} sapmcu_fault;

/* Reasons for a reset. */
enum {
    SAPMCU_RESET_POWER = 1,    /* power-on, brown-out */
    SAPMCU_RESET_PIN = 2,      /* many MCUs set it with every other reason */
    SAPMCU_RESET_SOFTWARE = 4, /* for instance after a fault */
    SAPMCU_RESET_WATCHDOG = 8,
    SAPMCU_RESET_LOCKUP = 16, /* a fault while a fault was dealt with */
    SAPMCU_RESET_DEBUGGER = 32,
    SAPMCU_RESET_LOW_POWER = 64, /* from a mode that keeps nothing */
    SAPMCU_RESET_OPTIONS = 128,  /* option bytes were loaded */
};

/* How the board has started. core_hz: what its core runs at now, nominally. failed_*_step: the number from 1
 * of the step of the board's file that waited in vain, 0 for none; a clock that failed leaves the one before
 * it. reset_reasons: SAPMCU_RESET_*, 0 where the board doesn't tell. fault: that ended the program before
 * this one. */
typedef struct {
    uint32_t core_hz, failed_start_step, failed_clock_step, reset_reasons;
    const sapmcu_fault *fault;
} sapmcu_port_state;

const sapmcu_port_state *sapmcu_port_read_state(void);

#ifdef __cplusplus
}
#endif

#endif
