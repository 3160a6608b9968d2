/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_PROTOCOL_H
#define SAPMCU_PROTOCOL_H

/* The device's side of the device protocol; docs/SPEC.md, "Device protocol", is the definition. */

#include "sapmcu/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What identify says of this firmware, ASCII: "native", "cortex-m4", "gcc -O2", "nucleo_f446re". */
typedef struct {
    const char *engine;
    const char *core;
    const char *build;
    const char *board;
} sapmcu_device;

/* Answer requests for the models of this firmware until the host closes the stream of the port. */
void sapmcu_serve(const sapmcu_device *device);

/* Called right before and right behind a model's invoke: places where an emulator reads its own counters.
 * waits: 1 where the model waits for a row, so that its run goes on with the next pair of calls. */
void sapmcu_begin_invoke(void);
void sapmcu_end_invoke(int waits);

#ifdef __cplusplus
}
#endif

#endif
