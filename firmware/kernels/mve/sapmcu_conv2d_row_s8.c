/* SPDX-License-Identifier: Apache-2.0 */
/* A pixel times four filters at a time. A window that doesn't lie together is copied first, if it is small.
 */
#include "sapmcu/conv2d.h"

#include "mve.h"

enum { GATHERED_BYTES = 144 };

/* The window of a pixel in the channels of one group. column: of x, under the first tap. */
typedef struct {
    const sapmcu_conv2d_s8_params *params;
    const int8_t *const *rows;
    int32_t column;
    uint32_t depth, first_channel;
    uint32_t filter_bytes;
    uint32_t span_taps; /* that lie together: a row of the window, or 1 */
} window;

static inline const int8_t *span_at(const window *w, uint32_t ky, uint32_t kx) {
    const sapmcu_conv2d_s8_params *const p = w->params;
    const int32_t column = w->column + (int32_t)(kx * p->dilation_width);
    const int is_inside = column >= 0 && column < p->in_width;
    return (is_inside ? w->rows[ky] + (uint32_t)column * p->in_channels : p->zero_row) + w->first_channel;
}

static void copy_span(int8_t *to, const int8_t *from, uint32_t count) {
    __asm__ volatile("wlstp.8 lr, %[count], 2f \n"
                     "1:                       \n"
                     "vldrb.8 q0, [%[from]], #16 \n"
                     "vstrb.8 q0, [%[to]], #16 \n"
                     "letp    lr, 1b           \n"
                     "2:                       \n"
                     : [to] "+r"(to), [from] "+r"(from)
                     : [count] "r"(count)
                     : "q0", "lr", "cc", "memory");
}

static void gather(const window *w, int8_t *to) {
    const uint32_t bytes = w->span_taps * w->depth;
    for (uint32_t ky = 0; ky < w->params->kernel_height; ky++) {
        for (uint32_t kx = 0; kx < w->params->kernel_width; kx += w->span_taps) {
            copy_span(to, span_at(w, ky, kx), bytes);
            to += bytes;
        }
    }
}

static void add_spans(const window *w, int32_t sums[4], sapmcu_filters_x4 *filters) {
    const uint32_t bytes = w->span_taps * w->depth;
    for (uint32_t ky = 0; ky < w->params->kernel_height; ky++) {
        for (uint32_t kx = 0; kx < w->params->kernel_width; kx += w->span_taps) {
            sapmcu_add_products_x4(sums, span_at(w, ky, kx), filters, bytes);
            for (uint32_t i = 0; i < 4; i++) {
                filters->at[i] += bytes;
            }
        }
    }
}

/* The window as bytes that lie together; NULL if they don't and `buffer` is too small. */
static const int8_t *window_bytes(const window *w, int8_t *buffer) {
    if (w->filter_bytes == w->span_taps * w->depth) {
        return span_at(w, 0, 0);
    }
    if (w->filter_bytes > GATHERED_BYTES) {
        return (const int8_t *)0;
    }
    gather(w, buffer);
    return buffer;
}

/* Channels o..o+count-1 of a pixel. */
static void compute_pixel(const window *w, uint32_t o, uint32_t count, int8_t *y) {
    const sapmcu_conv2d_s8_params *const p = w->params;
    int8_t buffer[GATHERED_BYTES];
    const int8_t *const x = window_bytes(w, buffer);
    const int8_t *filter = p->filter + o * w->filter_bytes;
    const int32_t *bias = p->bias + o, *multiplier = p->multiplier + o;
    const int8_t *shift = p->shift + o;
    for (; count > 0; filter += 4 * w->filter_bytes, bias += 4, multiplier += 4, shift += 4, y += 4) {
        const uint32_t lanes = count < 4 ? count : 4;
        const mve_pred16_t used = vctp32q(lanes);
        sapmcu_filters_x4 filters = sapmcu_filters_from(filter, w->filter_bytes, lanes);
        int32_t sums[4] = {0, 0, 0, 0};
        if (x) {
            sapmcu_add_products_x4(sums, x, &filters, w->filter_bytes);
        } else {
            add_spans(w, sums, &filters);
        }
        const int32x4_t sum = vaddq_s32(vldrwq_s32(sums), vldrwq_z_s32(bias, used));
        const int32x4_t scaled =
            sapmcu_scale_s32x4(sum, vldrwq_z_s32(multiplier, used), vldrbq_z_s32(shift, used));
        vstrbq_p_s32(y, sapmcu_clamped_s32x4(scaled, p->y_zero_point, p->low, p->high), used);
        count -= lanes;
    }
}

void sapmcu_conv2d_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_conv2d_s8_params *const p = params;
    const uint32_t group_channels = (uint32_t)p->out_channels / p->groups;
    const int32_t reach = (p->kernel_width - 1) * p->dilation_width;
    const int are_together = p->dilation_width == 1 && p->groups == 1;
    window w;
    (void)scratch;
    w.params = p;
    w.rows = rows;
    w.depth = (uint32_t)p->in_channels / p->groups;
    w.filter_bytes = (uint32_t)p->kernel_height * p->kernel_width * w.depth;
    w.column = -(int32_t)p->pad_left;
    for (uint32_t ox = 0; ox < p->out_width; ox++) {
        const int is_inside = w.column >= 0 && w.column + reach < p->in_width;
        w.span_taps = are_together && is_inside ? p->kernel_width : 1;
        w.first_channel = 0;
        for (uint32_t o = 0; o < p->out_channels; o += group_channels) {
            compute_pixel(&w, o, group_channels, y);
            w.first_channel += w.depth;
            y += group_channels;
        }
        w.column += p->stride_width;
    }
}
