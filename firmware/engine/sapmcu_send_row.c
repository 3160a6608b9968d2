/* SPDX-License-Identifier: Apache-2.0 */
#include "frames.h"
#include "sapmcu/port.h"
#include "sapmcu/protocol.h"

void sapmcu_send_row(void *context, const sapmcu_output_row *row) {
    sapmcu_line *const frames = context;
    sapmcu_end_invoke(1);
    const uint32_t start = sapmcu_port_count();
    sapmcu_begin_reply(frames, SAPMCU_STATUS_ROW, 8 + row->bytes);
    sapmcu_send_u32(frames, row->output);
    sapmcu_send_u32(frames, row->row * row->bytes);
    sapmcu_send_bytes(frames, row->data, row->bytes);
    sapmcu_end_reply(frames);
    frames->counted += sapmcu_port_count() - start;
    sapmcu_begin_invoke();
}
