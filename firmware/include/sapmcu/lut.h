/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_LUT_H
#define SAPMCU_LUT_H

/* Functions of one int8 number, by table: 256 results, made by the compiler from the reference. */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* y[i] = table[x[i]] for i in 0..n-1; the table is indexed by the byte: results of 0..127, then of -128..-1.
 * y may be x. */
void sapmcu_lut_s8(const int8_t *table, const int8_t *x, int8_t *y, uint32_t n);

/* The same with float32 results: y is 4-byte aligned and overlaps neither x nor table. */
void sapmcu_dequantize_s8(const float *table, const int8_t *x, float *y, uint32_t n);

#ifdef __cplusplus
}
#endif

#endif
