/* SPDX-License-Identifier: Apache-2.0 */
#include "detect.h"

#include <stdbool.h>

enum { TABLE_ZERO = 128, TABLE_UNIT = 4096 };

static int16_t clamped(int32_t place) {
    return (int16_t)(place < 0 ? 0 : place > SAPMCU_BOX_UNIT ? SAPMCU_BOX_UNIT : place);
}

/* Both products are below 2^31: tables and anchors have 16 bits, one of them with a sign. */
static void place_side(const sapmcu_detector_params *params, int32_t centre, int32_t size, int8_t move,
                       int8_t grow, int16_t *first, int16_t *end) {
    const int32_t moved = centre + (int32_t)params->move[move + TABLE_ZERO] * size / TABLE_UNIT;
    const uint32_t grown = (uint32_t)params->grow[grow + TABLE_ZERO] * (uint32_t)size / TABLE_UNIT;
    *first = clamped(moved - (int32_t)(grown / 2));
    *end = clamped(moved + (int32_t)(grown - grown / 2));
}

static sapmcu_box box_at(const sapmcu_detector_params *params, uint32_t index, const int8_t *code,
                         uint32_t class_index, int8_t score) {
    const sapmcu_anchor *anchor = &params->anchors[index];
    sapmcu_box box = {
        .score = params->score[score + TABLE_ZERO], .class_index = (uint8_t)class_index, .code = score};
    place_side(params, anchor->y, anchor->height, code[0], code[2], &box.top, &box.bottom);
    place_side(params, anchor->x, anchor->width, code[1], code[3], &box.left, &box.right);
    return box;
}

/* Boxes are sorted by falling score; a new one goes behind its equals, and the last falls out where there is
 * no room. */
static uint32_t insert(sapmcu_box *boxes, uint32_t count, uint32_t capacity, sapmcu_box box) {
    uint32_t place = count < capacity ? count : capacity - 1;
    while (place > 0 && boxes[place - 1].code < box.code) {
        boxes[place] = boxes[place - 1];
        place--;
    }
    boxes[place] = box;
    return count < capacity ? count + 1 : capacity;
}

static uint32_t best_boxes(const sapmcu_detector_params *params, const int8_t *codes, const int8_t *scores,
                           sapmcu_box *boxes, uint32_t capacity) {
    uint32_t count = 0;
    for (uint32_t anchor = 0; anchor < params->anchor_count; anchor++) {
        for (uint32_t i = 0; i < params->class_count; i++) {
            const int8_t score = scores[anchor * params->class_count + i];
            const bool has_room = count < capacity || (capacity > 0 && boxes[capacity - 1].code < score);
            if (score >= params->min_code && has_room) {
                count = insert(boxes, count, capacity, box_at(params, anchor, &codes[4 * anchor], i, score));
            }
        }
    }
    return count;
}

static uint32_t area(int32_t top, int32_t left, int32_t bottom, int32_t right) {
    return bottom > top && right > left ? (uint32_t)(bottom - top) * (uint32_t)(right - left) : 0;
}

static int32_t larger(int32_t a, int32_t b) {
    return a > b ? a : b;
}

static int32_t smaller(int32_t a, int32_t b) {
    return a < b ? a : b;
}

static bool overlap(const sapmcu_box *a, const sapmcu_box *b, uint32_t max_iou) {
    const uint32_t both = area(larger(a->top, b->top), larger(a->left, b->left),
                               smaller(a->bottom, b->bottom), smaller(a->right, b->right));
    const uint32_t one = area(a->top, a->left, a->bottom, a->right);
    const uint32_t either = one + area(b->top, b->left, b->bottom, b->right) - both;
    return (uint64_t)both << 16 > (uint64_t)max_iou * either;
}

uint32_t sapmcu_detect(const sapmcu_detector_params *params, const int8_t *codes, const int8_t *scores,
                       sapmcu_box *boxes, uint32_t capacity) {
    const uint32_t count = best_boxes(params, codes, scores, boxes, capacity);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        bool is_new = true;
        for (uint32_t j = 0; j < kept && is_new; j++) {
            is_new = boxes[j].class_index != boxes[i].class_index ||
                     !overlap(&boxes[j], &boxes[i], params->max_iou);
        }
        if (is_new) {
            boxes[kept++] = boxes[i];
        }
    }
    return kept;
}
