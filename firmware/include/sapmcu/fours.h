/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_FOURS_H
#define SAPMCU_FOURS_H

/* Sums of four pixels, a channel behind the other, as int8 results. For kernels only. */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The assembly knows the order. multiplier, shift: as in conv2d.h, of the first channel. */
typedef struct {
    const int32_t *multiplier;
    const int8_t *shift;
    int32_t zero_point;
    int32_t low, high;
} sapmcu_fours_scale;

enum { SAPMCU_FOUR = 4 };

/* Replace each of sums [channels][count] by sapmcu_requantize_s8 of it. Their magnitudes are below 2^30. */
void sapmcu_requantize_sums(const sapmcu_fours_scale *scale, int32_t *sums, uint32_t channels,
                            uint32_t count);

/* The same of sums [channels][4], and write channel c of the first `pixels` to y[c], y[c + step], ... */
void sapmcu_write_fours(const sapmcu_fours_scale *scale, int32_t *sums, uint32_t channels, uint32_t pixels,
                        int8_t *y, uint32_t step);

#ifdef __cplusplus
}
#endif

#endif
