/* SPDX-License-Identifier: Apache-2.0 */
/* Some pixels at a time: four filters are multiplied with the windows of all of them. Windows that don't lie
 * together are copied first, if they are small. */
#include "sapmcu/conv2d.h"

#include "mve.h"

enum { MAX_PIXELS = 8, GATHERED_BYTES = 192 };

/* The windows of some pixels in the channels of one group. column: of x, under the first tap of the pixel
 * that is looked at. */
typedef struct {
    const sapmcu_conv2d_s8_params *params;
    const int8_t *const *rows;
    int32_t column;
    uint32_t depth, first_channel;
    uint32_t filter_bytes;
    uint32_t spans;              /* of a window, alike in all: 1, or kernel_height; 0: see add_spans */
    const int8_t *x[MAX_PIXELS]; /* the first span of each window */
} windows;

/* Taps that lie together: a row of the window, or 1. */
static uint32_t span_taps(const windows *w) {
    const sapmcu_conv2d_s8_params *const p = w->params;
    const int is_inside = w->column >= 0 && w->column + p->kernel_width <= p->in_width;
    return p->dilation_width == 1 && p->groups == 1 && is_inside ? p->kernel_width : 1;
}

static const int8_t *span_at(const windows *w, uint32_t ky, uint32_t kx) {
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

static void gather(const windows *w, int8_t *to) {
    const uint32_t taps = span_taps(w), bytes = taps * w->depth;
    for (uint32_t ky = 0; ky < w->params->kernel_height; ky++) {
        for (uint32_t kx = 0; kx < w->params->kernel_width; kx += taps) {
            copy_span(to, span_at(w, ky, kx), bytes);
            to += bytes;
        }
    }
}

/* Find the windows of up to `count` pixels. Returns how many it were. */
static __attribute__((noinline)) uint32_t find_windows(windows *w, uint32_t count, int8_t *buffer) {
    const sapmcu_conv2d_s8_params *const p = w->params;
    const uint32_t height = p->kernel_height;
    const int is_small = height > 1 && w->filter_bytes <= GATHERED_BYTES / 2;
    uint32_t room = GATHERED_BYTES, found = 0;
    for (; found < count && found < MAX_PIXELS; found++, w->column += p->stride_width) {
        const int is_direct = span_taps(w) == p->kernel_width && !is_small;
        const uint32_t spans = is_direct ? height : 1;
        if ((found > 0 && spans != w->spans) || (!is_direct && room < w->filter_bytes)) {
            break;
        }
        w->spans = spans;
        w->x[found] = span_at(w, 0, 0);
        if (!is_direct) {
            gather(w, buffer);
            w->x[found] = buffer;
            buffer += w->filter_bytes;
            room -= w->filter_bytes;
        }
    }
    if (found == 0) {
        w->spans = 0;
        w->column += p->stride_width;
        return 1;
    }
    return found;
}

/* The sums of the pixel before w->column, span by span. */
static __attribute__((noinline)) void add_spans(const windows *w, int32_t sums[4],
                                                const sapmcu_filters_x4 *filters) {
    windows pixel = *w;
    pixel.column -= w->params->stride_width;
    const uint32_t taps = span_taps(&pixel), bytes = taps * w->depth;
    uint32_t offset = 0;
    for (uint32_t ky = 0; ky < w->params->kernel_height; ky++) {
        for (uint32_t kx = 0; kx < w->params->kernel_width; kx += taps) {
            sapmcu_add_products_x4(sums, span_at(&pixel, ky, kx), filters, offset, bytes);
            offset += bytes;
        }
    }
}

/* Channels o..o+lanes-1 of `pixels` pixels. */
static __attribute__((noinline)) void compute_channels(const windows *w, uint32_t pixels, uint32_t o,
                                                       uint32_t lanes, int8_t *y) {
    const sapmcu_conv2d_s8_params *const p = w->params;
    const mve_pred16_t used = vctp32q(lanes);
    const sapmcu_filters_x4 filters =
        sapmcu_filters_from(p->filter + o * w->filter_bytes, w->filter_bytes, lanes);
    const sapmcu_scale_x4 scale =
        sapmcu_scale_from(vldrwq_z_s32(p->multiplier + o, used), vldrbq_z_s32(p->shift + o, used), used,
                          p->y_zero_point, p->low, p->high);
    int32_t bias[4];
    vstrwq_s32(bias, vldrwq_z_s32(p->bias + o, used));
    if (w->spans == 0) {
        add_spans(w, bias, &filters);
        sapmcu_write_x4(y, scale, bias);
        return;
    }
    const uint32_t spans = w->spans, bytes = spans > 1 ? p->kernel_width * w->depth : w->filter_bytes;
    const uint32_t step = p->out_channels;
    for (uint32_t i = 0; i < pixels; i++, y += step) {
        int32_t sums[4] = {bias[0], bias[1], bias[2], bias[3]};
        const int8_t *x = w->x[i];
        uint32_t offset = 0;
        for (uint32_t span = 0;;) {
            sapmcu_add_products_x4(sums, x, &filters, offset, bytes);
            if (++span == spans) {
                break;
            }
            offset += bytes;
            x += w->rows[span] - w->rows[span - 1];
        }
        sapmcu_write_x4(y, scale, sums);
    }
}

void sapmcu_conv2d_row_s8(const void *params, const int8_t *const *rows, int8_t *y, void *scratch) {
    const sapmcu_conv2d_s8_params *const p = params;
    const uint32_t group_channels = (uint32_t)p->out_channels / p->groups;
    int8_t buffer[GATHERED_BYTES];
    windows w;
    (void)scratch;
    w.params = p;
    w.rows = rows;
    w.depth = (uint32_t)p->in_channels / p->groups;
    w.filter_bytes = (uint32_t)p->kernel_height * p->kernel_width * w.depth;
    int32_t column = -(int32_t)p->pad_left;
    for (uint32_t left = p->out_width; left > 0;) {
        uint32_t pixels = 0, o = 0;
        w.first_channel = 0;
        do {
            w.column = column;
            pixels = find_windows(&w, left, buffer);
            for (uint32_t more = group_channels; more > 0;) {
                const uint32_t lanes = more < 4 ? more : 4;
                compute_channels(&w, pixels, o, lanes, y + o);
                o += lanes;
                more -= lanes;
            }
            w.first_channel += w.depth;
        } while (o < p->out_channels);
        y += pixels * p->out_channels;
        left -= pixels;
        column = w.column;
    }
}
