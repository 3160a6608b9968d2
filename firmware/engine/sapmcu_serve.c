/* SPDX-License-Identifier: Apache-2.0 */
/* Frames are SLIP (RFC 1055), so that a reader finds the next frame whatever came before. Data go straight
 * between the stream and the tensors: nothing here grows with the model. */
#include "sapmcu/protocol.h"

#include "sapmcu/port.h"

#include <stdbool.h>
#include <string.h>

enum { PROTOCOL_VERSION = 1, HEADER_BYTES = 8, CRC_BYTES = 4, ARGUMENT_BYTES = 12, CHUNK_BYTES = 64 };
enum { SLIP_END = 0xC0, SLIP_ESC = 0xDB, SLIP_ESC_END = 0xDC, SLIP_ESC_ESC = 0xDD };
enum { FRAME_ENDS = -1, STREAM_ENDS = -2 };
enum { TEXTS = 5 }; /* of an identity */

typedef enum {
    COMMAND_IDENTIFY = 1,
    COMMAND_WRITE_INPUT = 2,
    COMMAND_RUN = 3,
    COMMAND_READ_OUTPUT = 4,
    COMMAND_READ_ARENA = 5,
    COMMAND_READ_COUNTERS = 6,
    COMMAND_NEXT_ROW = 7,
    COMMAND_READ_BOARD = 8,
} command;

typedef enum {
    STATUS_OK = 0,
    STATUS_BAD_FRAME = 1,    /* truncated, or not as long as it says */
    STATUS_BAD_CRC = 2,      /* damaged */
    STATUS_NO_COMMAND = 3,   /* unknown command */
    STATUS_BAD_SIZE = 4,     /* the command takes arguments of another size */
    STATUS_BAD_ARGUMENT = 5, /* no such model, tensor or range of bytes */
    STATUS_UNSUPPORTED = 6,  /* this firmware can't */
    STATUS_FAILED = 7,       /* the engine returned an error */
} status;

/* Residue of CRC-32 (IEEE 802.3) over data and their CRC, before the final inversion. */
#define CRC_RESIDUE 0xDEBB20E3u
#define ALL_OPS     0xFFFFFFFFu
#define NO_ROW      0xFFFFFFFFu

typedef struct {
    uint8_t data[CHUNK_BYTES];
    size_t next, end;
} chunk;

typedef struct {
    const sapmcu_device *device;
    chunk in, out;
    uint32_t out_crc;
    uint8_t header[HEADER_BYTES];
    uint8_t arguments[ARGUMENT_BYTES];
    uint32_t payload_bytes;
    uint32_t runs, count, stack_bytes, stack_peak_bytes, call_count;
    const sapmcu_model *waiting; /* whose run waits for rows */
    bool wants_row;              /* the next one isn't written yet */
    sapmcu_counter_kind counter;
} server;

static const uint32_t crc_of_nibble[16] = {
    0x00000000u, 0x1DB71064u, 0x3B6E20C8u, 0x26D930ACu, 0x76DC4190u, 0x6B6B51F4u, 0x4DB26158u, 0x5005713Cu,
    0xEDB88320u, 0xF00F9344u, 0xD6D6A3E8u, 0xCB61B38Cu, 0x9B64C2B0u, 0x86D3D2D4u, 0xA00AE278u, 0xBDBDF21Cu,
};

static uint32_t update_crc(uint32_t crc, uint8_t byte) {
    crc = (crc >> 4) ^ crc_of_nibble[(crc ^ byte) & 15];
    return (crc >> 4) ^ crc_of_nibble[(crc ^ ((uint32_t)byte >> 4)) & 15];
}

static uint32_t read_u32(const uint8_t *data) {
    return (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
}

__attribute__((noinline)) void sapmcu_begin_invoke(void) {
    __asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) void sapmcu_end_invoke(int waits) {
    __asm__ volatile("" ::"r"(waits) : "memory");
}

/* --- Receiving
 * ------------------------------------------------------------------------------------------------- */

static int receive_raw(server *self) {
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
static int receive_byte(server *self) {
    int byte = receive_raw(self);
    if (byte == SLIP_END) {
        return FRAME_ENDS;
    }
    if (byte != SLIP_ESC) {
        return byte;
    }
    byte = receive_raw(self);
    switch (byte) {
    case SLIP_ESC_END:
        return SLIP_END;
    case SLIP_ESC_ESC:
        return SLIP_ESC;
    case SLIP_END:
        return FRAME_ENDS;
    default:
        return byte;
    }
}

static const sapmcu_model *requested_model(const server *self) {
    return self->header[2] < sapmcu_model_count ? sapmcu_models[self->header[2]] : NULL;
}

/* The bytes [offset, offset + length) of a block of `bytes`; NULL where they aren't all in it. */
static uint8_t *range_of(void *block, uint32_t bytes, uint32_t offset, uint32_t length) {
    return offset <= bytes && length <= bytes - offset ? (uint8_t *)block + offset : NULL;
}

/* The offset in an input of what a model waits for. */
static uint32_t row_offset(const sapmcu_model *model, const sapmcu_input_row *next) {
    return next->row * model->rows->row_bytes[next->input] + next->offset_bytes;
}

/* A row goes where the model waits for it: all that it needs, and no other. */
static uint8_t *row_range(const server *self, const sapmcu_model *model, uint32_t index) {
    sapmcu_input_row next;
    if (model->rows == NULL || self->waiting != model || !self->wants_row) {
        return NULL;
    }
    model->rows->find(&next);
    const bool is_next = next.input == index && read_u32(self->arguments + 4) == row_offset(model, &next);
    return is_next && self->payload_bytes - 8 == next.bytes ? (uint8_t *)next.data : NULL;
}

/* Where the data of a write-input request go: once header and arguments are known. NULL where nowhere. */
__attribute__((noinline)) static uint8_t *input_range(const server *self) {
    const sapmcu_model *model = requested_model(self);
    uint32_t index = read_u32(self->arguments);
    if (self->header[0] != COMMAND_WRITE_INPUT || self->payload_bytes < 8 || model == NULL ||
        index >= model->input_count) {
        return NULL;
    }
    const sapmcu_tensor *input = &model->inputs[index];
    if (input->data == NULL) {
        return row_range(self, model, index);
    }
    return range_of(input->data, input->bytes, read_u32(self->arguments + 4), self->payload_bytes - 8);
}

/* Read one frame into header and arguments; data of write-input go to the tensor at once, so that a damaged
 * frame leaves it undefined. False when the stream ends. `is_empty`: two END in a row. */
static bool receive_frame(server *self, status *result, bool *is_empty) {
    uint32_t position = 0, crc = 0xFFFFFFFFu;
    uint8_t *input = NULL;
    int byte;
    memset(self->header, 0, sizeof self->header);
    self->payload_bytes = 0;
    while ((byte = receive_byte(self)) >= 0) {
        uint32_t index = position - HEADER_BYTES;
        crc = update_crc(crc, (uint8_t)byte);
        if (position < HEADER_BYTES) {
            self->header[position] = (uint8_t)byte;
            self->payload_bytes = read_u32(self->header + 4);
        } else if (input != NULL && index >= 8) {
            if (index < self->payload_bytes) {
                input[index - 8] = (uint8_t)byte;
            }
        } else if (index < ARGUMENT_BYTES) {
            self->arguments[index] = (uint8_t)byte;
            input = index == 7 ? input_range(self) : input;
        }
        position += position < 0xFFFFFFFFu;
    }
    *is_empty = position == 0;
    bool has_length =
        position >= HEADER_BYTES + CRC_BYTES && position - HEADER_BYTES - CRC_BYTES == self->payload_bytes;
    *result = !has_length ? STATUS_BAD_FRAME : crc != CRC_RESIDUE ? STATUS_BAD_CRC : STATUS_OK;
    return byte != STREAM_ENDS;
}

/* --- Sending
 * --------------------------------------------------------------------------------------------------- */

static void flush(server *self) {
    if (self->out.end > 0) {
        sapmcu_port_send(self->out.data, self->out.end);
        self->out.end = 0;
    }
}

static void send_raw(server *self, uint8_t byte) {
    self->out.data[self->out.end++] = byte;
    if (self->out.end == sizeof self->out.data) {
        flush(self);
    }
}

static void send_byte(server *self, uint8_t byte) {
    self->out_crc = update_crc(self->out_crc, byte);
    if (byte == SLIP_END || byte == SLIP_ESC) {
        send_raw(self, SLIP_ESC);
        byte = byte == SLIP_END ? SLIP_ESC_END : SLIP_ESC_ESC;
    }
    send_raw(self, byte);
}

static void send_bytes(server *self, const void *data, uint32_t length) {
    for (uint32_t i = 0; i < length; ++i) {
        send_byte(self, ((const uint8_t *)data)[i]);
    }
}

static void send_u32(server *self, uint32_t value) {
    for (int shift = 0; shift < 32; shift += 8) {
        send_byte(self, (uint8_t)(value >> shift));
    }
}

static void begin_reply(server *self, status result, uint32_t payload_bytes) {
    self->out_crc = 0xFFFFFFFFu;
    send_raw(self, SLIP_END);
    send_byte(self, (uint8_t)result);
    send_byte(self, self->header[1]);
    send_byte(self, self->header[0]);
    send_byte(self, 0);
    send_u32(self, payload_bytes);
}

static void end_reply(server *self) {
    send_u32(self, ~self->out_crc);
    send_raw(self, SLIP_END);
    flush(self);
}

static void reply(server *self, status result) {
    begin_reply(self, result, 0);
    end_reply(self);
}

static void reply_with(server *self, status result, const void *data, uint32_t length) {
    begin_reply(self, result, length);
    send_bytes(self, data, length);
    end_reply(self);
}

/* --- Commands
 * -------------------------------------------------------------------------------------------------- */

static void identify(server *self, const sapmcu_model *model) {
    const char *texts[TEXTS] = {self->device->engine, self->device->core, self->device->build, model->name,
                                self->device->board};
    uint32_t length =
        24u + (uint32_t)sizeof model->sha256 + 4u * model->input_count + 4u * model->output_count;
    for (size_t i = 0; i < TEXTS; ++i) {
        length += (uint32_t)strlen(texts[i]) + 1;
    }
    const uint32_t numbers[6] = {PROTOCOL_VERSION,    sapmcu_model_count,
                                 model->arena_bytes,  model->input_count,
                                 model->output_count, model->invoke_ops != NULL ? model->op_count : 0u};
    begin_reply(self, STATUS_OK, length);
    for (size_t i = 0; i < 6; ++i) {
        send_u32(self, numbers[i]);
    }
    send_bytes(self, model->sha256, sizeof model->sha256);
    for (size_t i = 0; i < model->input_count; ++i) {
        send_u32(self, model->inputs[i].bytes);
    }
    for (size_t i = 0; i < model->output_count; ++i) {
        send_u32(self, model->outputs[i].bytes);
    }
    for (size_t i = 0; i < TEXTS; ++i) {
        send_bytes(self, texts[i], (uint32_t)strlen(texts[i]) + 1);
    }
    end_reply(self);
}

static int invoke_nothing(void) {
    return 0;
}

/* Run it with the counter before and behind, on a freshly painted stack. What a run that waited has cost
 * before is part of it. */
__attribute__((noinline)) static int measure(server *self, int (*invoke)(void), bool can_wait) {
    const bool goes_on = self->waiting != NULL;
    const uint32_t before = goes_on ? self->count : 0, stack_before = goes_on ? self->stack_bytes : 0;
    uint32_t peak = sapmcu_port_stack_peak();
    self->stack_peak_bytes = peak > self->stack_peak_bytes ? peak : self->stack_peak_bytes;
    sapmcu_port_paint_stack();
    uint32_t depth = sapmcu_port_stack_depth();
    uint32_t start = sapmcu_port_count();
    sapmcu_begin_invoke();
    int result = invoke();
    sapmcu_end_invoke(can_wait && result != 0);
    const uint32_t count = sapmcu_port_count() - start;
    self->count = before + (count > self->call_count ? count - self->call_count : 0);
    peak = sapmcu_port_stack_peak();
    self->stack_bytes = peak > depth ? peak - depth : 0;
    self->stack_bytes = self->stack_bytes > stack_before ? self->stack_bytes : stack_before;
    return result;
}

static void run(server *self, const sapmcu_model *model) {
    uint32_t ops = read_u32(self->arguments);
    int result;
    self->waiting = NULL;
    if (ops == ALL_OPS && model->rows != NULL) {
        model->rows->restart();
        result = 0;
    } else if (ops == ALL_OPS) {
        result = measure(self, model->invoke, false);
        ++self->runs;
    } else if (model->invoke_ops == NULL) {
        reply(self, STATUS_UNSUPPORTED);
        return;
    } else if (ops > model->op_count) {
        reply(self, STATUS_BAD_ARGUMENT);
        return;
    } else {
        result = model->invoke_ops(ops);
    }
    if (result == 0) {
        reply(self, STATUS_OK);
        return;
    }
    begin_reply(self, STATUS_FAILED, 4);
    send_u32(self, (uint32_t)result);
    end_reply(self);
}

static void next_row(server *self, const sapmcu_model *model) {
    if (model->rows == NULL) {
        reply(self, STATUS_UNSUPPORTED);
        return;
    }
    self->waiting = self->waiting == model ? model : NULL;
    self->waiting = measure(self, model->rows->advance, true) ? model : NULL;
    sapmcu_input_row next = {.input = NO_ROW};
    uint32_t offset_bytes = 0;
    if (self->waiting != NULL) {
        model->rows->find(&next);
        offset_bytes = row_offset(model, &next);
        self->wants_row = true;
    } else {
        ++self->runs;
    }
    begin_reply(self, STATUS_OK, 12);
    send_u32(self, next.input);
    send_u32(self, offset_bytes);
    send_u32(self, next.bytes);
    end_reply(self);
}

static void write_input(server *self, const sapmcu_model *model) {
    const bool is_right = input_range(self) != NULL;
    if (is_right && model->inputs[read_u32(self->arguments)].data == NULL) {
        model->rows->take();
        self->wants_row = false;
    }
    reply(self, is_right ? STATUS_OK : STATUS_BAD_ARGUMENT);
}

static void read_counters(server *self, const sapmcu_model *model) {
    const uint32_t numbers[7] = {self->runs,        (uint32_t)self->counter, self->count,
                                 self->stack_bytes, self->stack_peak_bytes,  sapmcu_port_stack_size(),
                                 model->arena_bytes};
    begin_reply(self, STATUS_OK, sizeof numbers);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; ++i) {
        send_u32(self, numbers[i]);
    }
    end_reply(self);
}

static void read_board(server *self) {
    static const sapmcu_fault none;
    const sapmcu_port_state *state = sapmcu_port_read_state();
    const sapmcu_fault *fault = state->fault != NULL ? state->fault : &none;
    const uint32_t numbers[12] = {state->core_hz,
                                  state->failed_start_step,
                                  state->failed_clock_step,
                                  state->reset_reasons,
                                  fault->exception,
                                  fault->pc,
                                  fault->lr,
                                  fault->psr,
                                  fault->sp,
                                  fault->cfsr,
                                  fault->hfsr,
                                  fault->address};
    begin_reply(self, STATUS_OK, sizeof numbers);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; ++i) {
        send_u32(self, numbers[i]);
    }
    end_reply(self);
}

static void read_range(server *self, void *block, uint32_t bytes, const uint8_t *offset_and_length) {
    uint32_t length = read_u32(offset_and_length + 4);
    const uint8_t *data = range_of(block, bytes, read_u32(offset_and_length), length);
    if (data == NULL) {
        reply(self, STATUS_BAD_ARGUMENT);
    } else {
        reply_with(self, STATUS_OK, data, length);
    }
}

static void read_output(server *self, const sapmcu_model *model) {
    uint32_t index = read_u32(self->arguments);
    if (index >= model->output_count) {
        reply(self, STATUS_BAD_ARGUMENT);
    } else {
        read_range(self, model->outputs[index].data, model->outputs[index].bytes, self->arguments + 4);
    }
}

/* Whether the payload has the size that its command takes. */
static bool has_right_size(const server *self) {
    static const uint8_t bytes_of[] = {
        [COMMAND_IDENTIFY] = 0,   [COMMAND_RUN] = 4,           [COMMAND_READ_OUTPUT] = 12,
        [COMMAND_READ_ARENA] = 8, [COMMAND_READ_COUNTERS] = 0, [COMMAND_NEXT_ROW] = 0,
        [COMMAND_READ_BOARD] = 0};
    uint8_t wanted = self->header[0];
    return wanted == COMMAND_WRITE_INPUT ? self->payload_bytes >= 8 : self->payload_bytes == bytes_of[wanted];
}

static void answer(server *self) {
    const sapmcu_model *model = requested_model(self);
    if (self->header[0] < COMMAND_IDENTIFY || self->header[0] > COMMAND_READ_BOARD) {
        reply(self, STATUS_NO_COMMAND);
    } else if (!has_right_size(self)) {
        reply(self, STATUS_BAD_SIZE);
    } else if (model == NULL) {
        reply(self, STATUS_BAD_ARGUMENT);
    } else {
        switch ((command)self->header[0]) {
        case COMMAND_IDENTIFY:
            identify(self, model);
            break;
        case COMMAND_WRITE_INPUT:
            write_input(self, model);
            break;
        case COMMAND_RUN:
            run(self, model);
            break;
        case COMMAND_READ_OUTPUT:
            read_output(self, model);
            break;
        case COMMAND_READ_ARENA:
            read_range(self, model->arena, model->arena_bytes, self->arguments);
            break;
        case COMMAND_READ_COUNTERS:
            read_counters(self, model);
            break;
        case COMMAND_NEXT_ROW:
            next_row(self, model);
            break;
        case COMMAND_READ_BOARD:
            read_board(self);
            break;
        }
    }
}

void sapmcu_serve(const sapmcu_device *device) {
    server self = {.device = device, .counter = sapmcu_port_counter()};
    status result;
    bool is_empty;
    sapmcu_port_paint_stack();
    measure(&self, invoke_nothing, false);
    self.call_count = self.count;
    self.count = 0;
    self.stack_bytes = 0;
    while (receive_frame(&self, &result, &is_empty)) {
        if (is_empty) {
            continue;
        }
        if (result == STATUS_OK) {
            answer(&self);
        } else {
            reply(&self, result);
        }
    }
}
