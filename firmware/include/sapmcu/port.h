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

#ifdef __cplusplus
}
#endif

#endif
