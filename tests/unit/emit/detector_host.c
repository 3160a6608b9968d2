/* SPDX-License-Identifier: Apache-2.0 */
/* Decodes cases from stdin: codes, then scores, ANCHORS of them; writes for each how many boxes, then the
 * boxes. */
#include <stdio.h>

#include "sapmcu_net_detector.h"

int main(void) {
    static int8_t codes[ANCHORS * 4], scores[ANCHORS * CLASSES];
    static sapmcu_box boxes[SAPMCU_NET_MAX_BOXES];
    while (fread(codes, sizeof codes, 1, stdin) == 1 && fread(scores, sizeof scores, 1, stdin) == 1) {
        const uint32_t count =
            sapmcu_detect(&sapmcu_net_detector, codes, scores, boxes, SAPMCU_NET_MAX_BOXES);
        if (fwrite(&count, sizeof count, 1, stdout) != 1 ||
            fwrite(boxes, sizeof *boxes, count, stdout) != count) {
            return 1;
        }
    }
    const uint32_t none = sapmcu_detect(&sapmcu_net_detector, codes, scores, NULL, 0);
    return none == 0 ? 0 : 2;
}
