/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_DSP_H
#define SAPMCU_DSP_H

/* What the twins for cores with the DSP extension (Cortex-M4, M7, M33, M55) share. Little endian.
 * Lanes: the halfwords of a register. SXTB16 widens bytes 0 and 2 of a word; bytes 1 and 3 come by rotation.
 * Both factors of a product are widened alike, so that neither needs to be reordered. */

#include "sapmcu/requantize.h"
#include "sapmcu/small.h"

#include <arm_acle.h>

/* Four numbers of any address: one LDR, which these cores do unaligned. */
static inline uint32_t sapmcu_load_s8x4(const int8_t *from) {
    uint32_t word;
    __builtin_memcpy(&word, from, sizeof word); /* a C library isn't needed */
    return word;
}

static inline void sapmcu_store_s8x4(int8_t *to, uint32_t word) {
    __builtin_memcpy(to, &word, sizeof word);
}

/* Bytes 0 and 2 as lanes. */
static inline int16x2_t sapmcu_even_lanes(uint32_t word) {
    return __sxtb16((int8x4_t)word);
}

/* Bytes 1 and 3 as lanes. Not by intrinsics: gcc 12 has no __ror and doesn't join it with SXTB16. */
static inline int16x2_t sapmcu_odd_lanes(uint32_t word) {
    int16x2_t lanes;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(lanes) : "r"(word));
    return lanes;
}

/* The same, added to lanes. */
static inline int16x2_t sapmcu_add_odd_lanes(int16x2_t lanes, uint32_t word) {
    __asm__("sxtab16 %0, %0, %1, ror #8" : "+r"(lanes) : "r"(word));
    return lanes;
}

/* x * multiplier / 2^31 to nearest, ties up, for multiplier 2^30..2^31-1.
 * 2 * multiplier leaves 32 bits by 2^32: SMMLAR adds x * 2^32 instead, which is exact modulo 2^64. */
static inline int32_t sapmcu_rounding_doubling_high_mul_dsp(int32_t x, int32_t multiplier) {
    int32_t high;
    __asm__("smmlar %0, %1, %2, %1" : "=r"(high) : "r"(x), "r"((uint32_t)multiplier << 1));
    return high;
}

/* x, and x / 2 rounded down, saturated to int8. Not by __ssat, whose types differ between gcc and clang. */
static inline int32_t sapmcu_saturate_s8(int32_t x) {
    int32_t y;
    __asm__("ssat %0, #8, %1" : "=r"(y) : "r"(x));
    return y;
}

static inline int32_t sapmcu_saturate_half_s8(int32_t x) {
    int32_t y;
    __asm__("ssat %0, #8, %1, asr #1" : "=r"(y) : "r"(x));
    return y;
}

/* sapmcu_requantize_s8 for shift < 0, low -128 and high 127. Ties away from zero are
 * (high - (high < 0) + 2^(n-1)) >> n with n = -shift; here by halves, without that sum's overflow. The sum
 * below saturates only where the result does. */
static inline int32_t sapmcu_requantize_down_dsp(int32_t x, int32_t multiplier, int32_t shift,
                                                 int32_t zero_point) {
    const int32_t high = sapmcu_rounding_doubling_high_mul_dsp(x, multiplier);
    const int32_t halves = (high + (high >> 31)) >> ~shift;
    return sapmcu_saturate_half_s8(__qadd(halves, 2 * zero_point + 1));
}

/* sapmcu_requantize_s8 for low -128 and high 127. */
static inline int32_t sapmcu_requantize_dsp(int32_t x, int32_t multiplier, int32_t shift,
                                            int32_t zero_point) {
    if (shift >= 0) {
        return sapmcu_saturate_s8(sapmcu_wrapping_add(sapmcu_scale(x, multiplier, shift), zero_point));
    }
    return sapmcu_requantize_down_dsp(x, multiplier, shift, zero_point);
}

/* The clamp of a kernel, four times. */
typedef struct {
    uint32_t low, high;
    int is_needed;
} sapmcu_clamp_s8x4;

static inline sapmcu_clamp_s8x4 sapmcu_make_clamp(int32_t low, int32_t high) {
    return (sapmcu_clamp_s8x4){(uint8_t)low * 0x01010101U, (uint8_t)high * 0x01010101U,
                               low > INT8_MIN || high < INT8_MAX};
}

/* Four int8 numbers as one word, the first in the lowest byte. */
static inline uint32_t sapmcu_pack_s8x4(int32_t a, int32_t b, int32_t c, int32_t d) {
    __asm__("bfi    %0, %1, #8, #8" : "+r"(a) : "r"(b)); /* compilers take ten instructions in all */
    __asm__("bfi    %0, %1, #16, #8" : "+r"(a) : "r"(c));
    __asm__("bfi    %0, %1, #24, #8" : "+r"(a) : "r"(d));
    return (uint32_t)a;
}

static inline uint32_t sapmcu_max_s8x4(uint32_t a, uint32_t b) {
    (void)__ssub8((int8x4_t)a, (int8x4_t)b);
    return __sel(a, b);
}

static inline uint32_t sapmcu_min_s8x4(uint32_t a, uint32_t b) {
    (void)__ssub8((int8x4_t)a, (int8x4_t)b);
    return __sel(b, a);
}

static inline uint32_t sapmcu_clamped_s8x4(sapmcu_clamp_s8x4 clamp, uint32_t word) {
    return clamp.is_needed ? sapmcu_min_s8x4(sapmcu_max_s8x4(word, clamp.low), clamp.high) : word;
}

/* Clamp numbers in place; most kernels saturate to int8 already, and have nothing to do. */
void sapmcu_clamp_row(int8_t *y, const int8_t *end, int32_t low, int32_t high);

/* sapmcu_requantize_down_dsp of one of four: its multiplier, and the inverted shift in the lowest byte, which
 * is all that ASR looks at. */
static inline int32_t sapmcu_requantize_fast(int32_t x, int32_t multiplier, uint32_t inverted_shift,
                                             int32_t rounding) {
    const int32_t high = sapmcu_rounding_doubling_high_mul_dsp(x, multiplier);
    int32_t halves;
    __asm__("asr %0, %1, %2" : "=r"(halves) : "r"(high + (high >> 31)), "r"(inverted_shift));
    return sapmcu_saturate_half_s8(__qadd(halves, rounding));
}

/* Channels with a shift that is no right one among them. */
SAPMCU_SMALL static __attribute__((noinline, unused)) uint32_t sapmcu_requantize_s8x4_any(
    const int32_t *x, const int32_t *multiplier, const int8_t *shift, int32_t zero_point) {
    int32_t y[4];
    for (int i = 0; i < 4; i++) {
        y[i] = sapmcu_requantize_s8(x[i], multiplier[i], shift[i], zero_point, INT8_MIN, INT8_MAX);
    }
    return sapmcu_pack_s8x4(y[0], y[1], y[2], y[3]);
}

/* sapmcu_requantize_s8 of four channels for low -128 and high 127, as a word. */
static inline uint32_t sapmcu_requantize_s8x4(const int32_t x[4], const int32_t *multiplier,
                                              const int8_t *shift, int32_t zero_point) {
    const uint32_t signs = 0x80808080U, shifts = ~sapmcu_load_s8x4(shift);
    if ((shifts & signs) != 0) {
        return sapmcu_requantize_s8x4_any(x, multiplier, shift, zero_point);
    }
    const int32_t rounding = 2 * zero_point + 1;
    return sapmcu_pack_s8x4(sapmcu_requantize_fast(x[0], multiplier[0], shifts, rounding),
                            sapmcu_requantize_fast(x[1], multiplier[1], shifts >> 8, rounding),
                            sapmcu_requantize_fast(x[2], multiplier[2], shifts >> 16, rounding),
                            sapmcu_requantize_fast(x[3], multiplier[3], shifts >> 24, rounding));
}

#endif
