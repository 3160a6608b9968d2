/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_SELFTEST_H
#define SAPMCU_SELFTEST_H

/* Runs a model on a test vector and compares what comes out, byte by byte: the first thing to do with a model
 * in a new build or on a new board. */

#include "sapmcu/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Raw bytes of each input and of each output, as many as the model says. */
typedef struct {
    const uint8_t *const *inputs;
    const uint8_t *const *outputs;
} sapmcu_selftest_vector;

/* How many bytes of the outputs differ; UINT32_MAX where the model didn't run. */
uint32_t sapmcu_selftest(const sapmcu_model *model, const sapmcu_selftest_vector *vector);

#ifdef __cplusplus
}
#endif

#endif
