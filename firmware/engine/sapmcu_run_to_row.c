/* SPDX-License-Identifier: Apache-2.0 */
#include "cascade_tables.h"

int sapmcu_run_to_row(const sapmcu_cascade *cascade, int8_t *arena, sapmcu_progress *progress) {
    while (progress->run < cascade->run_count) {
        const uint32_t at = sapmcu_run_cascade(cascade, arena, progress->run);
        progress->run = (uint16_t)at;
        if (at < cascade->run_count) {
            if (progress->rows < sapmcu_run_at(cascade, at).count) {
                return 1;
            }
            progress->run++;
            progress->rows = 0;
        }
    }
    progress->run = 0;
    return 0;
}
