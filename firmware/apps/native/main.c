/* SPDX-License-Identifier: Apache-2.0 */
/* Serves the models of this firmware to a host: tests, `sapmcu run`, measurements. */
#include "sapmcu/port.h"
#include "sapmcu/protocol.h"

#ifndef SAPMCU_CORE
#define SAPMCU_CORE "unknown"
#endif
#ifndef SAPMCU_BUILD
#define SAPMCU_BUILD "unknown"
#endif
#ifndef SAPMCU_BOARD
#define SAPMCU_BOARD ""
#endif

int main(void);

int main(void) {
    static const sapmcu_device device = {
        .engine = "native", .core = SAPMCU_CORE, .build = SAPMCU_BUILD, .board = SAPMCU_BOARD};
    sapmcu_port_init();
    sapmcu_serve(&device);
    return 0;
}
