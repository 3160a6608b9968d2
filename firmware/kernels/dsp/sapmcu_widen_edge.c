/* SPDX-License-Identifier: Apache-2.0 */
/* A file of its own: convolutions with filters of 8 and of 16 bits share it. */
#include "products_state.h"
#include "widen.h"

/* Windows of which some lies beside the image, or what follows may not be read. */
void sapmcu_widen_edge(const sapmcu_packed_conv2d_s8_params *p, int32_t *to, const int8_t *const *rows,
                       int32_t first, int32_t second) {
    const uint32_t channels = p->in_channels;
    for (uint32_t ky = 0; ky < p->kernel_height; ky++) {
        int16_t *const halves = (int16_t *)to;
        for (uint32_t tap = 0; tap < p->kernel_width; tap++) {
            const uint32_t a = (uint32_t)first + tap, b = (uint32_t)second + tap;
            const int8_t *const x0 = a < p->in_width ? rows[ky] + a * channels : p->zero_row;
            const int8_t *const x1 = b < p->in_width ? rows[ky] + b * channels : p->zero_row;
            if (channels % 4 == 0) {
                to = sapmcu_widen(to, x0, x1, channels / 4);
                continue;
            }
            for (uint32_t c = 0; c < channels; c++) {
                const uint32_t at = tap * channels + c, half = (at & ~3U) * 2 + (at & 1) * 4 + (at & 2) / 2;
                halves[half] = x0[c];
                halves[half + 2] = x1[c];
            }
        }
        if (channels % 4 != 0) {
            to += 4 * p->row_words;
        }
    }
}
