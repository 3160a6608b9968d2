/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_DETECT_H
#define SAPMCU_DETECT_H

/* The int8 outputs of an SSD detector as boxes: scores by table, box codes at their anchors, non-maximum
 * suppression. Whole numbers only; no memory but the caller's. `sapmcu detector` writes the tables. */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Units of a length: this many are the image's height or width. */
enum { SAPMCU_BOX_UNIT = 16384 };

/* bottom and right are exclusive; all lie in 0..SAPMCU_BOX_UNIT. score: a probability in units of 1/65536.
 * code: the int8 score that it comes from. */
typedef struct {
    int16_t top, left, bottom, right;
    uint16_t score;
    uint8_t class_index;
    int8_t code;
} sapmcu_box;

/* Centre and size, in units of SAPMCU_BOX_UNIT, 0..32767. */
typedef struct {
    int16_t y, x, height, width;
} sapmcu_anchor;

/* The tables have 256 entries each, from that of -128 on. */
typedef struct {
    uint32_t anchor_count;
    uint32_t class_count; /* 1..255 */
    const sapmcu_anchor *anchors;
    const uint16_t *score; /* of a score: its probability in 1/65536, which never falls */
    const int16_t *move;   /* of a box code: the centre's way in sizes of the anchor, in 1/4096: up to 8 */
    const uint16_t *grow;  /* of a box code: what the anchor's size is multiplied by, in 1/4096: below 16 */
    uint32_t max_iou;      /* in 1/65536, up to 65536 */
    int16_t min_code;      /* boxes of lower scores are left out; 128 leaves out all */
} sapmcu_detector_params;

/* Writes the boxes found, the best first, and returns how many: the `capacity` best scores, less the boxes
 * whose intersection over union with a better one of their class is above max_iou. Where scores are equal,
 * the earlier anchor is first, then the earlier class. codes: int8 [anchor_count,4]: y, x, height, width.
 * scores: int8 [anchor_count,class_count]. boxes: room for `capacity`, which may be 0; overlaps no other
 * argument. */
uint32_t sapmcu_detect(const sapmcu_detector_params *params, const int8_t *codes, const int8_t *scores,
                       sapmcu_box *boxes, uint32_t capacity);

#ifdef __cplusplus
}
#endif

#endif
