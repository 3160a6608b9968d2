/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_PORT_H
#define SAPMCU_PORT_H

/* What an application needs from its board. One implementation per way to reach the host: port/. */

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Make the others usable. Call it first, once. */
void sapmcu_port_init(void);

/* Send `length` bytes of text to the host; returns when all are sent. */
void sapmcu_port_write(const char *text, size_t length);

/* End the program; 0 is success. On a board without a host it stops here. */
__attribute__((noreturn)) void sapmcu_port_exit(int code);

#ifdef __cplusplus
}
#endif

#endif
