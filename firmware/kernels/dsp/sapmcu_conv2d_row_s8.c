/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of two pixels and two output channels: each word of x and filter is loaded once for two products. A
 * pixel that is left over takes four channels at a time.
 * Windows are taken in spans, which are the same for all channels: taps whose numbers lie together, in the
 * image or beside it. Small windows are gathered: one span then. */
#include "sapmcu/conv2d.h"

#include "dsp.h"
#include "products_1x4.h"
#include "products_2x2.h"

enum { MAX_SPANS = 15, MAX_GATHERED = (MAX_SPANS - 1) * sizeof(sapmcu_span_2x2) / 2 };

/* The windows of two pixels. column: of x, under the first tap. */
typedef struct {
    const sapmcu_conv2d_s8_params *params;
    const int8_t *const *rows;
    uint32_t depth;         /* channels of a group of x */
    uint32_t filter_bytes;  /* of an output channel */
    uint32_t taps_together; /* kernel_width if a row of taps may be one span, else 1 */
    uint32_t first_channel; /* of the group */
    int32_t column[2];
    uint32_t row, tap; /* where the spans go on */
    sapmcu_span_2x2 spans[MAX_SPANS];
} windows;

/* Where the taps from `column` on are read; *taps is lowered to how many lie together. */
static inline const int8_t *span_start(const sapmcu_conv2d_s8_params *p, const int8_t *row, int32_t column,
                                       uint32_t *taps) {
    uint32_t together = UINT16_MAX;
    const int8_t *start = p->zero_row;
    if (column < 0) {
        together = (uint32_t)-column;
    } else if (column < p->in_width) {
        together = p->in_width - (uint32_t)column;
        start = row + (uint32_t)column * p->in_channels;
    }
    *taps = *taps < together ? *taps : together;
    return start;
}

/* The next span. A row outside of the image is one: all its numbers are alike. */
static void next_span(windows *w, sapmcu_span_2x2 *span) {
    const sapmcu_conv2d_s8_params *const p = w->params;
    const int8_t *const row = w->rows[w->row];
    const int32_t offset = (int32_t)(w->tap * p->dilation_width);
    uint32_t taps = w->taps_together == 1 ? 1 : w->taps_together - w->tap;
    for (int i = 0; i < 2; i++) {
        const int8_t *const x = row == p->zero_row ? row : span_start(p, row, w->column[i] + offset, &taps);
        span->x[i] = x + w->first_channel;
    }
    span->count = taps * w->depth;
    w->tap += taps;
    if (w->tap == p->kernel_width) {
        w->tap = 0;
        w->row++;
    }
}

/* Write the next MAX_SPANS spans, or as many as there are; returns their end. */
static const sapmcu_span_2x2 *next_spans(windows *w) {
    sapmcu_span_2x2 *span = w->spans;
    do {
        next_span(w, span++);
    } while (w->row < w->params->kernel_height && span < w->spans + MAX_SPANS);
    return span;
}

SAPMCU_SMALL static int8_t *copy(int8_t *to, const int8_t *from, uint32_t count) {
    for (; count >= 4; count -= 4, to += 4, from += 4) {
        sapmcu_store_s8x4(to, sapmcu_load_s8x4(from));
    }
    for (; count > 0; count--) {
        *to++ = *from++;
    }
    return to;
}

/* The spans of the first taps; they are all of them if w->row is kernel_height then. */
SAPMCU_SMALL static const sapmcu_span_2x2 *first_spans(windows *w) {
    w->row = w->tap = 0;
    if (w->filter_bytes > MAX_GATHERED || w->params->kernel_height * w->params->kernel_width == 1) {
        return next_spans(w);
    }
    int8_t *const gathered = (int8_t *)&w->spans[1];
    int8_t *to[2] = {gathered, gathered + w->filter_bytes};
    while (w->row < w->params->kernel_height) {
        sapmcu_span_2x2 span;
        next_span(w, &span);
        to[0] = copy(to[0], span.x[0], span.count);
        to[1] = copy(to[1], span.x[1], span.count);
    }
    w->spans[0] = (sapmcu_span_2x2){{gathered, gathered + w->filter_bytes}, w->filter_bytes};
    return &w->spans[1];
}

/* Two pixels of `count` channels from o on. y: of both pixels, at channel o. A last channel without a partner
 * is computed twice. */
static __attribute__((noinline)) void compute_pixels(windows *w, uint32_t o, uint32_t count, int8_t *y0,
                                                     int8_t *y1) {
    const sapmcu_conv2d_s8_params *const p = w->params;
    const int8_t *filter = p->filter + o * w->filter_bytes;
    const int32_t zero_point = p->y_zero_point;
    const int32_t *bias = p->bias + o, *multiplier = p->multiplier + o;
    const int8_t *shift = p->shift + o;
    sapmcu_products_2x2 products;
    products.spans = w->spans;
    products.spans_end = first_spans(w);
    const int is_complete = w->row == p->kernel_height;
    for (const int8_t *const end = y0 + count; y0 < end; y0 += 2, y1 += 2) {
        const uint32_t second = end - y0 > 1;
        products.filter[0] = filter;
        products.filter[1] = filter + second * w->filter_bytes;
        products.sum[0][0] = products.sum[1][0] = bias[0];
        products.sum[0][1] = products.sum[1][1] = bias[second];
        sapmcu_add_products_2x2(&products);
        if (!is_complete) {
            while (w->row < p->kernel_height) {
                products.spans_end = next_spans(w);
                sapmcu_add_products_2x2(&products);
            }
            products.spans_end = first_spans(w);
        }
        int32_t y00 = products.sum[0][0], y01 = products.sum[0][1];
        int32_t y10 = products.sum[1][0], y11 = products.sum[1][1];
        const int32_t shift0 = shift[0], shift1 = shift[second];
        if ((shift0 & shift1) < 0) {
            y00 = sapmcu_requantize_down_dsp(y00, multiplier[0], shift0, zero_point);
            y10 = sapmcu_requantize_down_dsp(y10, multiplier[0], shift0, zero_point);
            y01 = sapmcu_requantize_down_dsp(y01, multiplier[second], shift1, zero_point);
            y11 = sapmcu_requantize_down_dsp(y11, multiplier[second], shift1, zero_point);
        } else {
            const int32_t multipliers[4] = {multiplier[0], multiplier[second], multiplier[0],
                                            multiplier[second]};
            const int8_t shifts[4] = {shift[0], shift[second], shift[0], shift[second]};
            const uint32_t y = sapmcu_requantize_s8x4_any(products.sum[0], multipliers, shifts, zero_point);
            y00 = (int32_t)y, y01 = (int32_t)(y >> 8), y10 = (int32_t)(y >> 16), y11 = (int32_t)(y >> 24);
        }
        y0[0] = (int8_t)y00;
        y1[0] = (int8_t)y10;
        y0[second] = (int8_t)y01;
        y1[second] = (int8_t)y11;
        filter += 2 * w->filter_bytes;
        bias += 2;
        multiplier += 2;
        shift += 2;
    }
}

/* The same for one pixel, whose window both are, if its spans are all there at once. Channels in fours;
 * returns how many of `count` it has computed. */
static __attribute__((noinline)) uint32_t compute_pixel(windows *w, uint32_t o, uint32_t count, int8_t *y) {
    const sapmcu_conv2d_s8_params *const p = w->params;
    sapmcu_products_1x4 products;
    products.filter_bytes = w->filter_bytes;
    products.spans = w->spans;
    products.spans_end = first_spans(w);
    if (w->row < p->kernel_height) {
        return 0;
    }
    for (const uint32_t end = o + (count & ~3U); o < end; o += 4, y += 4) {
        products.filter = p->filter + o * w->filter_bytes;
        for (uint32_t i = 0; i < 4; i++) {
            products.sum[i] = p->bias[o + i];
        }
        sapmcu_add_products_1x4(&products);
        const uint32_t word =
            sapmcu_requantize_s8x4(products.sum, p->multiplier + o, p->shift + o, p->y_zero_point);
        sapmcu_store_s8x4(y, word);
    }
    return count & ~3U;
}

SAPMCU_SMALL void sapmcu_conv2d_row_s8(const void *params, const int8_t *const *rows, int8_t *y,
                                       void *scratch) {
    const sapmcu_conv2d_s8_params *const p = params;
    const uint32_t group_channels = (uint32_t)p->out_channels / p->groups;
    windows w;
    int32_t column = -(int32_t)p->pad_left;
    (void)scratch;
    w.params = p;
    w.rows = rows;
    w.depth = (uint32_t)p->in_channels / p->groups;
    w.filter_bytes = (uint32_t)p->kernel_height * p->kernel_width * w.depth;
    w.taps_together = p->dilation_width == 1 && p->groups == 1 ? p->kernel_width : 1;
    for (uint32_t ox = 0; ox < p->out_width;) {
        /* the first of an odd number of pixels has no partner */
        const uint32_t second = ox > 0 || p->out_width % 2 == 0;
        int8_t *const y1 = y + second * p->out_channels;
        w.column[0] = column;
        column += second ? p->stride_width : 0;
        w.column[1] = column;
        w.first_channel = 0;
        for (uint32_t o = 0; o < p->out_channels; o += group_channels) {
            const uint32_t done = second ? 0 : compute_pixel(&w, o, group_channels, y + o);
            if (done < group_channels) {
                compute_pixels(&w, o + done, group_channels - done, y + o + done, y1 + o + done);
            }
            w.first_channel += w.depth;
        }
        y = y1 + p->out_channels;
        column += p->stride_width;
        ox += second + 1;
    }
    if (p->low > INT8_MIN || p->high < INT8_MAX) {
        sapmcu_clamp_row(y - (uint32_t)p->out_width * p->out_channels, y, p->low, p->high);
    }
}
