/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_FRAMES_H
#define SAPMCU_FRAMES_H

/* Frames of the device protocol; for the engine only. They are SLIP (RFC 1055), so that a reader finds the
 * next frame whatever came before. Data go straight between the stream and the tensors. */

#include "sapmcu/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SAPMCU_HEADER_BYTES = 8, SAPMCU_PLACE_BYTES = 8, SAPMCU_REQUEST_BYTES = 20, SAPMCU_CHUNK_BYTES = 64 };

typedef enum {
    SAPMCU_STATUS_OK = 0,
    SAPMCU_STATUS_BAD_FRAME = 1,    /* truncated, or not as long as it says */
    SAPMCU_STATUS_BAD_CRC = 2,      /* damaged */
    SAPMCU_STATUS_NO_COMMAND = 3,   /* unknown command */
    SAPMCU_STATUS_BAD_SIZE = 4,     /* the command takes arguments of another size */
    SAPMCU_STATUS_BAD_ARGUMENT = 5, /* no such model, tensor or range of bytes */
    SAPMCU_STATUS_UNSUPPORTED = 6,  /* this firmware can't */
    SAPMCU_STATUS_FAILED = 7,       /* the engine returned an error */
    SAPMCU_STATUS_ROW = 8,          /* a row of an output; the reply is still to come */
} sapmcu_status;

typedef struct {
    uint8_t data[SAPMCU_CHUNK_BYTES];
    size_t next, end;
} sapmcu_chunk;

/* The first bytes of a request: numbers lie in it as in this memory. */
typedef union {
    struct {
        uint8_t command, sequence, model, unused;
        uint32_t payload_bytes;
        uint32_t arguments[3];
    } is;
    uint8_t bytes[SAPMCU_REQUEST_BYTES];
    uint32_t words[SAPMCU_REQUEST_BYTES / 4];
} sapmcu_request;

_Static_assert(sizeof(sapmcu_request) == SAPMCU_REQUEST_BYTES, "nothing lies between its fields");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "so are the numbers of frames");

/* The last request, and what is buffered. counted: by the port's counter while rows of outputs were sent. All
 * is 0 before the first frame. */
typedef struct {
    sapmcu_chunk in, out;
    uint32_t out_crc, counted;
    sapmcu_request request;
} sapmcu_line;

/* Where the data of a request go, once its header and first 8 bytes are known; NULL: nowhere. */
typedef uint8_t *sapmcu_place_fn(void *context);

/* Read one frame into request; data go to their place at once, so that a damaged frame leaves it undefined.
 * False when the stream ends. is_empty: two END in a row. */
bool sapmcu_receive_frame(sapmcu_line *frames, sapmcu_place_fn *place, void *context, sapmcu_status *result,
                          bool *is_empty);

/* A reply to the last request: begin, the payload, end. */
void sapmcu_begin_reply(sapmcu_line *frames, sapmcu_status result, uint32_t payload_bytes);
void sapmcu_send_bytes(sapmcu_line *frames, const void *data, uint32_t length);
void sapmcu_send_u32(sapmcu_line *frames, uint32_t value);
void sapmcu_end_reply(sapmcu_line *frames);

/* A whole one, without and with a payload. */
void sapmcu_reply(sapmcu_line *frames, sapmcu_status result);
void sapmcu_reply_with(sapmcu_line *frames, sapmcu_status result, const void *data, uint32_t length);

/* Send a row of an output while the model runs, which isn't the model's time. context: sapmcu_line. NULL in
 * a firmware whose models give no rows: it isn't linked there. */
__attribute__((weak)) sapmcu_write_row_fn sapmcu_send_row;

#endif
