/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_PACKED_CONV2D_H
#define SAPMCU_PACKED_CONV2D_H

/* Convolution of int8 images [H,W,C], a row of the result at a time, with filters packed for cores that
 * multiply two pairs of 16 bits at once. sapmcu/lower/packing.py packs them, and proves that the
 * requantization below gives TFLM's numbers; docs/DESIGN.md explains both. */

#include "sapmcu/rows.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bits of fraction where shift is 0. */
#define SAPMCU_FRACTION_BITS 12

/* y[ox][o] = saturate((offset[o] + (256 * sum * factor[o] >> 32)) >> SAPMCU_FRACTION_BITS) to int8, where sum
 * = bias[o] + sum of x * filter[o], |sum| < 2^23. With shift > 0 it is in place of SAPMCU_FRACTION_BITS, and
 * negative[o] is added to the offset where the sum is negative. x is taken without its zero point, as in
 * conv2d.h. Then y is clamped.
 *
 * filter, for every two channels 0 and 1: bias 0, and 256 * bias 1 + bias 0 modulo 2^32; the filters, row by
 * row, each row with zeros at its end to a multiple of four, four at a time in the order 0, 2, 1, 3, as int16
 * numbers 256 * w1 + w0; factor 0, offset 0, factor 1, offset 1; with shift > 0 negative 0, negative 1. With
 * an odd number of channels, channel 1 is in the first two pairs. */
typedef struct {
    const int32_t *filter;
    const int8_t *zero_row; /* as in conv2d.h */
    uint16_t in_width, in_channels;
    uint16_t out_width, out_channels; /* 2 or more channels */
    uint16_t kernel_height, kernel_width;
    uint16_t stride_width;
    uint16_t pad_left;  /* pixels */
    uint16_t row_words; /* kernel_width * in_channels / 4, rounded up */
    uint8_t shift;
    int8_t low, high;  /* clamp of y, inclusive */
    uint8_t is_copied; /* whether scratch has room for a copy of the rows with their padding */
} sapmcu_packed_conv2d_s8_params;

/* Values of is_copied. MERGED, in wide_conv2d.h alone: by columns, so that a window is one run of numbers:
 * filters are [kernel_width, kernel_height, in_channels] then, with zeros at their end, not at each row's;
 * row_words is that of them all.
 */
enum { SAPMCU_NOT_COPIED, SAPMCU_COPIED, SAPMCU_MERGED };

/* Words of four numbers that a window takes. */
static inline uint32_t sapmcu_packed_steps(const sapmcu_packed_conv2d_s8_params *p) {
    return p->is_copied == SAPMCU_MERGED ? p->row_words : (uint32_t)p->kernel_height * p->row_words;
}

/* params: sapmcu_packed_conv2d_s8_params. rows: [kernel_height], each in_width * in_channels bytes. y:
 * out_width * out_channels bytes; it may start where rows[0] does, if windows are single pixels that y's are
 * no longer than and no column is skipped. scratch: 4-byte aligned, 16 bytes for each of
 * sapmcu_packed_steps; if copied, kernel_height * (4 + in_channels * (columns from the first window to the
 * last)) more, in whole words, and a word if a row of a window isn't of whole words or rows are merged. */
sapmcu_row_fn sapmcu_packed_conv2d_row_s8;

/* The same in less code, for models of which no op needs more. even: out_channels is even, and windows are
 * inside of rows with all that a multiple of four has, or they are copied with padding. plain: and they are
 * of one row that isn't copied. */
sapmcu_row_fn sapmcu_packed_conv2d_even_row_s8;
sapmcu_row_fn sapmcu_packed_conv2d_plain_row_s8;

/* What sapmcu_packed_conv2d_even_row_s8 takes, with shift 0, in fewer instructions where rows have an odd
 * number of pixels: three are computed together. scratch: 24 bytes in place of 16. */
sapmcu_row_fn sapmcu_packed_conv2d_three_row_s8;

/* Bytes of scratch that sapmcu_packed_conv2d_small_row_s8 has on the stack. */
#define SAPMCU_PACKED_SMALL_BYTES 576

/* The same without scratch. */
sapmcu_row_fn sapmcu_packed_conv2d_small_row_s8;

#ifdef __cplusplus
}
#endif

#endif
