/* SPDX-License-Identifier: Apache-2.0 */
#include "frames.h"

#include "sapmcu/port.h"

enum { CRC_BYTES = 4 };
enum { SLIP_END = 0xC0, SLIP_ESC = 0xDB, SLIP_ESC_END = 0xDC, SLIP_ESC_ESC = 0xDD };
enum { FRAME_ENDS = -1, STREAM_ENDS = -2 };

/* Residue of CRC-32 (IEEE 802.3) over data and their CRC, before the final inversion. */
#define CRC_RESIDUE 0xDEBB20E3u

static const uint32_t crc_of_nibble[16] = {
    0x00000000u, 0x1DB71064u, 0x3B6E20C8u, 0x26D930ACu, 0x76DC4190u, 0x6B6B51F4u, 0x4DB26158u, 0x5005713Cu,
    0xEDB88320u, 0xF00F9344u, 0xD6D6A3E8u, 0xCB61B38Cu, 0x9B64C2B0u, 0x86D3D2D4u, 0xA00AE278u, 0xBDBDF21Cu,
};

/* By halves of bytes: bit by bit, a core at 4 MHz wouldn't be done before the next byte arrives. */
static uint32_t update_crc(uint32_t crc, uint8_t byte) {
    crc = (crc >> 4) ^ crc_of_nibble[(crc ^ byte) & 15];
    return (crc >> 4) ^ crc_of_nibble[(crc ^ ((uint32_t)byte >> 4)) & 15];
}

static int receive_raw(sapmcu_line *self) {
    if (self->in.next == self->in.end) {
        self->in.next = 0;
        self->in.end = sapmcu_port_receive(self->in.data, sizeof self->in.data);
        if (self->in.end == 0) {
            return STREAM_ENDS;
        }
    }
    return self->in.data[self->in.next++];
}

/* The next byte of the frame, FRAME_ENDS or STREAM_ENDS. What follows an ESC in error stands for itself: the
 * CRC tells. */
static int receive_byte(sapmcu_line *self) {
    int byte = receive_raw(self);
    if (byte == SLIP_ESC) {
        byte = receive_raw(self);
        if (byte == SLIP_ESC_END) {
            return SLIP_END;
        }
        if (byte == SLIP_ESC_ESC) {
            return SLIP_ESC;
        }
    }
    return byte == SLIP_END ? FRAME_ENDS : byte;
}

bool sapmcu_receive_frame(sapmcu_line *self, sapmcu_place_fn *place, void *context, sapmcu_status *result,
                          bool *is_empty) {
    enum { PLACED = SAPMCU_HEADER_BYTES + SAPMCU_PLACE_BYTES };
    sapmcu_request *const request = &self->request;
    uint32_t position = 0, crc = 0xFFFFFFFFu;
    uint8_t *data = NULL;
    int byte;
    request->words[0] = request->words[1] = 0;
    while ((byte = receive_byte(self)) >= 0) {
        crc = update_crc(crc, (uint8_t)byte);
        if (data != NULL) {
            if (position - PLACED < request->is.payload_bytes - SAPMCU_PLACE_BYTES) {
                data[position - PLACED] = (uint8_t)byte;
            }
        } else if (position < sizeof request->bytes) {
            request->bytes[position] = (uint8_t)byte;
            data = position == PLACED - 1 ? place(context) : NULL;
        }
        position += position < 0xFFFFFFFFu;
    }
    *is_empty = position == 0;
    bool has_length = position >= SAPMCU_HEADER_BYTES + CRC_BYTES &&
                      position - SAPMCU_HEADER_BYTES - CRC_BYTES == request->is.payload_bytes;
    *result = !has_length          ? SAPMCU_STATUS_BAD_FRAME
              : crc != CRC_RESIDUE ? SAPMCU_STATUS_BAD_CRC
                                   : SAPMCU_STATUS_OK;
    return byte != STREAM_ENDS;
}

static void flush(sapmcu_line *self) {
    sapmcu_port_send(self->out.data, self->out.end);
    self->out.end = 0;
}

static void send_raw(sapmcu_line *self, uint8_t byte) {
    self->out.data[self->out.end++] = byte;
    if (self->out.end == sizeof self->out.data) {
        flush(self);
    }
}

static void send_byte(sapmcu_line *self, uint8_t byte) {
    self->out_crc = update_crc(self->out_crc, byte);
    if (byte == SLIP_END || byte == SLIP_ESC) {
        send_raw(self, SLIP_ESC);
        byte = byte == SLIP_END ? SLIP_ESC_END : SLIP_ESC_ESC;
    }
    send_raw(self, byte);
}

void sapmcu_send_bytes(sapmcu_line *self, const void *data, uint32_t length) {
    for (uint32_t i = 0; i < length; ++i) {
        send_byte(self, ((const uint8_t *)data)[i]);
    }
}

void sapmcu_send_u32(sapmcu_line *self, uint32_t value) {
    sapmcu_send_bytes(self, &value, sizeof value);
}

void sapmcu_begin_reply(sapmcu_line *self, sapmcu_status result, uint32_t payload_bytes) {
    self->out_crc = 0xFFFFFFFFu;
    send_raw(self, SLIP_END);
    sapmcu_send_u32(self, (uint32_t)result | (uint32_t)self->request.is.sequence << 8 |
                              (uint32_t)self->request.is.command << 16);
    sapmcu_send_u32(self, payload_bytes);
}

void sapmcu_end_reply(sapmcu_line *self) {
    sapmcu_send_u32(self, ~self->out_crc);
    send_raw(self, SLIP_END);
    flush(self);
}

void sapmcu_reply(sapmcu_line *self, sapmcu_status result) {
    sapmcu_reply_with(self, result, NULL, 0);
}

void sapmcu_reply_with(sapmcu_line *self, sapmcu_status result, const void *data, uint32_t length) {
    sapmcu_begin_reply(self, result, length);
    sapmcu_send_bytes(self, data, length);
    sapmcu_end_reply(self);
}
