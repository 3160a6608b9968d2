/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_QUANTIZE_H
#define SAPMCU_QUANTIZE_H

/* Changes of type and quantization that no table holds; int8 to int8 is sapmcu_lut_s8. */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* real = scale * (q - zero_point) */
typedef struct {
    float scale;        /* of y, above 0 */
    int32_t zero_point; /* of y, -128..127 */
} sapmcu_quantize_f32_s8_params;

/* y[i] = x[i] / scale, rounded half away from zero, + zero_point, clamped to int8. Infinities saturate; NaN
 * gives the zero point. x is 4-byte aligned; y may be x (it takes a quarter of the bytes). */
void sapmcu_quantize_f32_s8(const sapmcu_quantize_f32_s8_params *params, const float *x, int8_t *y,
                            uint32_t n);

/* y = (x - x_zero_point) * multiplier * 2^(shift - 31) + y_zero_point, in 32 bits that wrap, with TFLM's
 * double rounding, clamped to y's type. */
typedef struct {
    int32_t multiplier;   /* Q31, 0 or 2^30..2^31-1 */
    int32_t shift;        /* -31..30, left is positive */
    int32_t x_zero_point; /* within x's type */
    int32_t y_zero_point; /* within y's type */
} sapmcu_requantize_params;

/* n numbers each. int16 data is 2-byte aligned, int32 data 4-byte aligned. y may be x where its numbers are
 * not wider; else they don't overlap. */
void sapmcu_requantize_s16_s8(const sapmcu_requantize_params *params, const int16_t *x, int8_t *y,
                              uint32_t n);
void sapmcu_requantize_s32_s8(const sapmcu_requantize_params *params, const int32_t *x, int8_t *y,
                              uint32_t n);
void sapmcu_requantize_s8_s16(const sapmcu_requantize_params *params, const int8_t *x, int16_t *y,
                              uint32_t n);
void sapmcu_requantize_s8_s32(const sapmcu_requantize_params *params, const int8_t *x, int32_t *y,
                              uint32_t n);

#ifdef __cplusplus
}
#endif

#endif
