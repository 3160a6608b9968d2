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

typedef struct {
    const sapmcu_device *device;
    sapmcu_line frames;
    uint32_t runs, count, stack_bytes, stack_peak_bytes, call_count;
    const sapmcu_model *waiting; /* whose run waits for rows */
    bool wants_row;              /* the next one isn't written yet */
    sapmcu_counter_kind counter;
} server;

__attribute__((noinline)) void sapmcu_begin_invoke(void) {
    __asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) void sapmcu_end_invoke(int waits) {
    __asm__ volatile("" ::"r"(waits) : "memory");
}

static const sapmcu_model *requested_model(const server *self) {
    return self->frames.header[2] < sapmcu_model_count ? sapmcu_models[self->frames.header[2]] : NULL;
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
    const bool is_next =
        next.input == index && sapmcu_read_u32(self->frames.arguments + 4) == row_offset(model, &next);
    return is_next && self->frames.payload_bytes - 8 == next.bytes ? (uint8_t *)next.data : NULL;
}

/* Where the data of a write-input request go: once header and arguments are known. NULL where nowhere. */
__attribute__((noinline)) static uint8_t *input_range(void *context) {
    const server *const self = context;
    const sapmcu_model *model = requested_model(self);
    uint32_t index = sapmcu_read_u32(self->frames.arguments);
    if (self->frames.header[0] != COMMAND_WRITE_INPUT || self->frames.payload_bytes < 8 || model == NULL ||
        index >= model->input_count) {
        return NULL;
    }
    const sapmcu_tensor *input = &model->inputs[index];
    if (input->data == NULL) {
        return row_range(self, model, index);
    }
    return range_of(input->data, input->bytes, sapmcu_read_u32(self->frames.arguments + 4),
                    self->frames.payload_bytes - 8);
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
    sapmcu_begin_reply(&self->frames, SAPMCU_STATUS_OK, length);
    for (size_t i = 0; i < 6; ++i) {
        sapmcu_send_u32(&self->frames, numbers[i]);
    }
    sapmcu_send_bytes(&self->frames, model->sha256, sizeof model->sha256);
    for (size_t i = 0; i < model->input_count; ++i) {
        sapmcu_send_u32(&self->frames, model->inputs[i].bytes);
    }
    for (size_t i = 0; i < model->output_count; ++i) {
        sapmcu_send_u32(&self->frames, model->outputs[i].bytes);
    }
    for (size_t i = 0; i < TEXTS; ++i) {
        sapmcu_send_bytes(&self->frames, texts[i], (uint32_t)strlen(texts[i]) + 1);
    }
    sapmcu_end_reply(&self->frames);
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
    self->frames.counted = 0;
    uint32_t start = sapmcu_port_count();
    sapmcu_begin_invoke();
    int result = invoke();
    sapmcu_end_invoke(can_wait && result != 0);
    const uint32_t count = sapmcu_port_count() - start - self->frames.counted;
    self->count = before + (count > self->call_count ? count - self->call_count : 0);
    peak = sapmcu_port_stack_peak();
    self->stack_bytes = peak > depth ? peak - depth : 0;
    self->stack_bytes = self->stack_bytes > stack_before ? self->stack_bytes : stack_before;
    return result;
}

static void run(server *self, const sapmcu_model *model) {
    uint32_t ops = sapmcu_read_u32(self->frames.arguments);
    int result;
    self->waiting = NULL;
    if (ops == ALL_OPS && model->rows != NULL) {
        model->rows->restart();
        result = 0;
    } else if (ops == ALL_OPS) {
        result = measure(self, model->invoke, false);
        ++self->runs;
    } else if (model->invoke_ops == NULL) {
        sapmcu_reply(&self->frames, SAPMCU_STATUS_UNSUPPORTED);
        return;
    } else if (ops > model->op_count) {
        sapmcu_reply(&self->frames, SAPMCU_STATUS_BAD_ARGUMENT);
        return;
    } else {
        result = model->invoke_ops(ops);
    }
    if (result == 0) {
        sapmcu_reply(&self->frames, SAPMCU_STATUS_OK);
        return;
    }
    sapmcu_begin_reply(&self->frames, SAPMCU_STATUS_FAILED, 4);
    sapmcu_send_u32(&self->frames, (uint32_t)result);
    sapmcu_end_reply(&self->frames);
}

static void next_row(server *self, const sapmcu_model *model) {
    if (model->rows == NULL) {
        sapmcu_reply(&self->frames, SAPMCU_STATUS_UNSUPPORTED);
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
    sapmcu_begin_reply(&self->frames, SAPMCU_STATUS_OK, 12);
    sapmcu_send_u32(&self->frames, next.input);
    sapmcu_send_u32(&self->frames, offset_bytes);
    sapmcu_send_u32(&self->frames, next.bytes);
    sapmcu_end_reply(&self->frames);
}

static void write_input(server *self, const sapmcu_model *model) {
    const bool is_right = input_range(self) != NULL;
    if (is_right && model->inputs[sapmcu_read_u32(self->frames.arguments)].data == NULL) {
        model->rows->take();
        self->wants_row = false;
    }
    sapmcu_reply(&self->frames, is_right ? SAPMCU_STATUS_OK : SAPMCU_STATUS_BAD_ARGUMENT);
}

static void read_counters(server *self, const sapmcu_model *model) {
    const uint32_t numbers[7] = {self->runs,        (uint32_t)self->counter, self->count,
                                 self->stack_bytes, self->stack_peak_bytes,  sapmcu_port_stack_size(),
                                 model->arena_bytes};
    sapmcu_begin_reply(&self->frames, SAPMCU_STATUS_OK, sizeof numbers);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; ++i) {
        sapmcu_send_u32(&self->frames, numbers[i]);
    }
    sapmcu_end_reply(&self->frames);
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
    sapmcu_begin_reply(&self->frames, SAPMCU_STATUS_OK, sizeof numbers);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; ++i) {
        sapmcu_send_u32(&self->frames, numbers[i]);
    }
    sapmcu_end_reply(&self->frames);
}

static void read_range(server *self, void *block, uint32_t bytes, const uint8_t *offset_and_length) {
    uint32_t length = sapmcu_read_u32(offset_and_length + 4);
    const uint8_t *data = range_of(block, bytes, sapmcu_read_u32(offset_and_length), length);
    if (data == NULL) {
        sapmcu_reply(&self->frames, SAPMCU_STATUS_BAD_ARGUMENT);
    } else {
        sapmcu_reply_with(&self->frames, SAPMCU_STATUS_OK, data, length);
    }
}

static void read_output(server *self, const sapmcu_model *model) {
    uint32_t index = sapmcu_read_u32(self->frames.arguments);
    if (index >= model->output_count || model->outputs[index].data == NULL) {
        sapmcu_reply(&self->frames, SAPMCU_STATUS_BAD_ARGUMENT);
    } else {
        read_range(self, model->outputs[index].data, model->outputs[index].bytes, self->frames.arguments + 4);
    }
}

/* Whether the payload has the size that its command takes. */
static bool has_right_size(const server *self) {
    static const uint8_t bytes_of[] = {
        [COMMAND_IDENTIFY] = 0,   [COMMAND_RUN] = 4,           [COMMAND_READ_OUTPUT] = 12,
        [COMMAND_READ_ARENA] = 8, [COMMAND_READ_COUNTERS] = 0, [COMMAND_NEXT_ROW] = 0,
        [COMMAND_READ_BOARD] = 0};
    uint8_t wanted = self->frames.header[0];
    return wanted == COMMAND_WRITE_INPUT ? self->frames.payload_bytes >= 8
                                         : self->frames.payload_bytes == bytes_of[wanted];
}

static void answer(server *self) {
    const sapmcu_model *model = requested_model(self);
    if (self->frames.header[0] < COMMAND_IDENTIFY || self->frames.header[0] > COMMAND_READ_BOARD) {
        sapmcu_reply(&self->frames, SAPMCU_STATUS_NO_COMMAND);
    } else if (!has_right_size(self)) {
        sapmcu_reply(&self->frames, SAPMCU_STATUS_BAD_SIZE);
    } else if (model == NULL) {
        sapmcu_reply(&self->frames, SAPMCU_STATUS_BAD_ARGUMENT);
    } else {
        if (sapmcu_send_row != NULL && model->taker != NULL) {
            *model->taker = (sapmcu_row_taker){sapmcu_send_row, &self->frames};
        }
        switch ((command)self->frames.header[0]) {
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
            read_range(self, model->arena, model->arena_bytes, self->frames.arguments);
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
    sapmcu_status result;
    bool is_empty;
    sapmcu_port_paint_stack();
    measure(&self, invoke_nothing, false);
    self.call_count = self.count;
    self.count = 0;
    self.stack_bytes = 0;
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
