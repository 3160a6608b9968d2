/* SPDX-License-Identifier: Apache-2.0 */
/* What the requests of the device protocol do. Nothing here grows with the model. */
#include "sapmcu/protocol.h"

#include "frames.h"

#include "sapmcu/port.h"

#include <stdbool.h>
#include <string.h>

enum { PROTOCOL_VERSION = 1 };
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

#define ALL_OPS 0xFFFFFFFFu
#define NO_ROW  0xFFFFFFFFu

/* The reply to read counters. */
typedef struct {
    uint32_t runs, counter, count, stack_bytes, stack_peak_bytes, stack_size, arena_bytes;
} counters;

typedef struct {
    const sapmcu_device *device;
    sapmcu_line frames;
    counters counters;
    uint32_t call_count;
    const sapmcu_model *waiting; /* whose run waits for rows */
    bool wants_row;              /* the next one isn't written yet */
} server;

__attribute__((noinline)) void sapmcu_begin_invoke(void) {
    __asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) void sapmcu_end_invoke(int waits) {
    __asm__ volatile("" ::"r"(waits) : "memory");
}

static const sapmcu_model *requested_model(const server *self) {
    const uint32_t index = self->frames.request.is.model;
    return index < sapmcu_model_count ? sapmcu_models[index] : NULL;
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
static uint8_t *row_range(const server *self, const sapmcu_model *model, const uint32_t *index_and_offset,
                          uint32_t length) {
    sapmcu_input_row next;
    if (model->rows == NULL || self->waiting != model || !self->wants_row) {
        return NULL;
    }
    model->rows->find(&next);
    const bool is_next = next.input == index_and_offset[0] && index_and_offset[1] == row_offset(model, &next);
    return is_next && length == next.bytes ? (uint8_t *)next.data : NULL;
}

/* Where the data of a write-input request go: once header and arguments are known. NULL where nowhere. */
__attribute__((noinline)) static uint8_t *input_range(void *context) {
    const server *const self = context;
    const sapmcu_model *model = requested_model(self);
    const uint32_t *const arguments = self->frames.request.is.arguments;
    const uint32_t length = self->frames.request.is.payload_bytes - SAPMCU_PLACE_BYTES;
    if (self->frames.request.is.command != COMMAND_WRITE_INPUT ||
        self->frames.request.is.payload_bytes < SAPMCU_PLACE_BYTES || model == NULL ||
        arguments[0] >= model->input_count) {
        return NULL;
    }
    const sapmcu_tensor *input = &model->inputs[arguments[0]];
    return input->data == NULL ? row_range(self, model, arguments, length)
                               : range_of(input->data, input->bytes, arguments[1], length);
}

/* --- Commands
 * -------------------------------------------------------------------------------------------------- */

static void send_sizes(sapmcu_line *frames, const sapmcu_tensor *tensors, uint32_t count) {
    for (; count > 0; --count) {
        sapmcu_send_u32(frames, (tensors++)->bytes);
    }
}

static void identify(server *self, const sapmcu_model *model) {
    const char *texts[TEXTS] = {self->device->engine, self->device->core, self->device->build, model->name,
                                self->device->board};
    const uint32_t numbers[6] = {PROTOCOL_VERSION,    sapmcu_model_count,
                                 model->arena_bytes,  model->input_count,
                                 model->output_count, model->invoke_ops != NULL ? model->op_count : 0u};
    uint32_t length = (uint32_t)(sizeof numbers + sizeof model->sha256) +
                      4u * ((uint32_t)model->input_count + model->output_count);
    for (size_t i = 0; i < TEXTS; ++i) {
        length += (uint32_t)strlen(texts[i]) + 1;
    }
    sapmcu_begin_reply(&self->frames, SAPMCU_STATUS_OK, length);
    sapmcu_send_bytes(&self->frames, numbers, sizeof numbers);
    sapmcu_send_bytes(&self->frames, model->sha256, sizeof model->sha256);
    send_sizes(&self->frames, model->inputs, model->input_count);
    send_sizes(&self->frames, model->outputs, model->output_count);
    for (size_t i = 0; i < TEXTS; ++i) {
        sapmcu_send_bytes(&self->frames, texts[i], (uint32_t)strlen(texts[i]) + 1);
    }
    sapmcu_end_reply(&self->frames);
}

static int invoke_nothing(void) {
    return 0;
}

static void raise_to(uint32_t *most, uint32_t value) {
    *most = *most > value ? *most : value;
}

/* Run it with the counter before and behind, on a freshly painted stack. What a run that waited has cost
 * before is part of it. */
__attribute__((noinline)) static int measure(server *self, int (*invoke)(void), bool can_wait) {
    counters *const to = &self->counters;
    if (self->waiting == NULL) {
        to->count = to->stack_bytes = 0;
    }
    raise_to(&to->stack_peak_bytes, sapmcu_port_stack_peak());
    sapmcu_port_paint_stack();
    const uint32_t depth = sapmcu_port_stack_depth();
    self->frames.counted = 0;
    const uint32_t start = sapmcu_port_count();
    sapmcu_begin_invoke();
    const int result = invoke();
    sapmcu_end_invoke(can_wait && result != 0);
    const uint32_t count = sapmcu_port_count() - start - self->frames.counted;
    to->count += count > self->call_count ? count - self->call_count : 0;
    const uint32_t peak = sapmcu_port_stack_peak();
    raise_to(&to->stack_bytes, peak > depth ? peak - depth : 0);
    return result;
}

static void run(server *self, const sapmcu_model *model) {
    const uint32_t ops = self->frames.request.is.arguments[0];
    sapmcu_status status = SAPMCU_STATUS_OK;
    int result = 0;
    self->waiting = NULL;
    if (ops == ALL_OPS && model->rows != NULL) {
        model->rows->restart();
    } else if (ops == ALL_OPS) {
        result = measure(self, model->invoke, false);
        ++self->counters.runs;
    } else if (model->invoke_ops == NULL) {
        status = SAPMCU_STATUS_UNSUPPORTED;
    } else if (ops > model->op_count) {
        status = SAPMCU_STATUS_BAD_ARGUMENT;
    } else {
        result = model->invoke_ops(ops);
    }
    if (result != 0) {
        sapmcu_reply_with(&self->frames, SAPMCU_STATUS_FAILED, &result, sizeof result);
    } else {
        sapmcu_reply(&self->frames, status);
    }
}

static void next_row(server *self, const sapmcu_model *model) {
    if (model->rows == NULL) {
        sapmcu_reply(&self->frames, SAPMCU_STATUS_UNSUPPORTED);
        return;
    }
    self->waiting = self->waiting == model ? model : NULL;
    self->waiting = measure(self, model->rows->advance, true) ? model : NULL;
    uint32_t numbers[3] = {NO_ROW, 0, 0};
    if (self->waiting != NULL) {
        sapmcu_input_row next;
        model->rows->find(&next);
        numbers[0] = next.input;
        numbers[1] = row_offset(model, &next);
        numbers[2] = next.bytes;
        self->wants_row = true;
    } else {
        ++self->counters.runs;
    }
    sapmcu_reply_with(&self->frames, SAPMCU_STATUS_OK, numbers, sizeof numbers);
}

static void write_input(server *self, const sapmcu_model *model) {
    const bool is_right = input_range(self) != NULL;
    if (is_right && model->inputs[self->frames.request.is.arguments[0]].data == NULL) {
        model->rows->take();
        self->wants_row = false;
    }
    sapmcu_reply(&self->frames, is_right ? SAPMCU_STATUS_OK : SAPMCU_STATUS_BAD_ARGUMENT);
}

static void read_counters(server *self, const sapmcu_model *model) {
    self->counters.stack_size = sapmcu_port_stack_size();
    self->counters.arena_bytes = model->arena_bytes;
    sapmcu_reply_with(&self->frames, SAPMCU_STATUS_OK, &self->counters, sizeof self->counters);
}

static void read_board(server *self) {
    static const sapmcu_fault none;
    const sapmcu_port_state *const state = sapmcu_port_read_state();
    const uint32_t state_bytes = offsetof(sapmcu_port_state, fault);
    sapmcu_begin_reply(&self->frames, SAPMCU_STATUS_OK, state_bytes + (uint32_t)sizeof none);
    sapmcu_send_bytes(&self->frames, state, state_bytes);
    sapmcu_send_bytes(&self->frames, state->fault != NULL ? state->fault : &none, sizeof none);
    sapmcu_end_reply(&self->frames);
}

/* offset_and_length: arguments of the request. */
static void read_range(server *self, void *block, uint32_t bytes, const uint32_t *offset_and_length) {
    const uint32_t length = offset_and_length[1];
    const uint8_t *const data = range_of(block, bytes, offset_and_length[0], length);
    if (data == NULL) {
        sapmcu_reply(&self->frames, SAPMCU_STATUS_BAD_ARGUMENT);
    } else {
        sapmcu_reply_with(&self->frames, SAPMCU_STATUS_OK, data, length);
    }
}

static void read_output(server *self, const sapmcu_model *model) {
    const uint32_t *const arguments = self->frames.request.is.arguments;
    if (arguments[0] >= model->output_count || model->outputs[arguments[0]].data == NULL) {
        sapmcu_reply(&self->frames, SAPMCU_STATUS_BAD_ARGUMENT);
    } else {
        const sapmcu_tensor *const output = &model->outputs[arguments[0]];
        read_range(self, output->data, output->bytes, arguments + 1);
    }
}

/* Whether the payload has the size that its command takes. */
static bool has_right_size(const sapmcu_request *request) {
    static const uint8_t bytes_of[] = {
        [COMMAND_IDENTIFY] = 0,   [COMMAND_RUN] = 4,           [COMMAND_READ_OUTPUT] = 12,
        [COMMAND_READ_ARENA] = 8, [COMMAND_READ_COUNTERS] = 0, [COMMAND_NEXT_ROW] = 0,
        [COMMAND_READ_BOARD] = 0};
    return request->is.command == COMMAND_WRITE_INPUT
               ? request->is.payload_bytes >= SAPMCU_PLACE_BYTES
               : request->is.payload_bytes == bytes_of[request->is.command];
}

static void answer(server *self) {
    const sapmcu_model *model = requested_model(self);
    const sapmcu_request *const request = &self->frames.request;
    if (request->is.command < COMMAND_IDENTIFY || request->is.command > COMMAND_READ_BOARD) {
        sapmcu_reply(&self->frames, SAPMCU_STATUS_NO_COMMAND);
    } else if (!has_right_size(request)) {
        sapmcu_reply(&self->frames, SAPMCU_STATUS_BAD_SIZE);
    } else if (model == NULL) {
        sapmcu_reply(&self->frames, SAPMCU_STATUS_BAD_ARGUMENT);
    } else {
        if (sapmcu_send_row != NULL && model->taker != NULL) {
            *model->taker = (sapmcu_row_taker){sapmcu_send_row, &self->frames};
        }
        switch ((command)request->is.command) {
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
            read_range(self, model->arena, model->arena_bytes, request->is.arguments);
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
    server self; /* not by an initializer, which calls memset */
    sapmcu_status result;
    bool is_empty;
    self.device = device;
    self.frames.in.next = self.frames.in.end = self.frames.out.end = 0;
    self.waiting = NULL;
    self.call_count = self.counters.runs = self.counters.stack_peak_bytes = 0;
    self.counters.counter = (uint32_t)sapmcu_port_counter();
    sapmcu_port_paint_stack();
    measure(&self, invoke_nothing, false);
    self.call_count = self.counters.count;
    self.counters.count = self.counters.stack_bytes = 0;
    while (sapmcu_receive_frame(&self.frames, input_range, &self, &result, &is_empty)) {
        if (is_empty) {
            continue;
        }
        if (result == SAPMCU_STATUS_OK) {
            answer(&self);
        } else {
            sapmcu_reply(&self.frames, result);
        }
    }
}
