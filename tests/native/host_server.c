/* SPDX-License-Identifier: Apache-2.0 */
/* Runs kernels for a test: reads requests from stdin, writes answers to stdout. Numbers are 64-bit, of this
 * host. 'a' size         -> address of a new buffer of exactly `size` bytes, so that the sanitizer sees each
 * byte beyond 'w' address size bytes... 'r' address size -> bytes 'c' address and 6 arguments: call a
 * function 'n' index        -> address of a function 'f'              free all buffers */
#include "sapmcu/binary.h"
#include "sapmcu/conv2d.h"
#include "sapmcu/depthwise_conv2d.h"
#include "sapmcu/fours.h"
#include "sapmcu/fully_connected.h"
#include "sapmcu/lanes.h"
#include "sapmcu/lanes_conv2d.h"
#include "sapmcu/mat_mul.h"
#include "sapmcu/packed_conv2d.h"
#include "sapmcu/packed_depthwise_conv2d.h"
#include "sapmcu/packed_fully_connected.h"
#include "sapmcu/packed_shallow_conv2d.h"
#include "sapmcu/pool2d.h"
#include "sapmcu/transpose_conv2d.h"
#include "sapmcu/wide_fully_connected.h"
#include "sapmcu/winograd_conv2d.h"

#include <stdio.h>
#include <stdlib.h>

typedef void any_function(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

/* Numbers and pointers are passed alike on x86-64 and arm64. */
static any_function *const functions[] = {
#define X(name) (any_function *)(void (*)(void))name,
#include "functions.inc"
#undef X
};

enum { MAX_BUFFERS = 256 };
static void *buffers[MAX_BUFFERS];
static uint32_t buffer_count;

static void receive(void *to, uint64_t size) {
    if (fread(to, 1, size, stdin) != size) {
        exit(0);
    }
}

static void send(const void *from, uint64_t size) {
    if (fwrite(from, 1, size, stdout) != size || fflush(stdout) != 0) {
        exit(1);
    }
}

static uint64_t number(void) {
    uint64_t value;
    receive(&value, sizeof value);
    return value;
}

static void allocate(void) {
    if (buffer_count == MAX_BUFFERS) {
        exit(2);
    }
    uint64_t address = (uintptr_t)(buffers[buffer_count++] = malloc(number()));
    send(&address, sizeof address);
}

static void call(void) {
    uint64_t argument[7];
    receive(argument, sizeof argument);
    any_function *const function = (any_function *)(uintptr_t)argument[0];
    function(argument[1], argument[2], argument[3], argument[4], argument[5], argument[6]);
}

int main(void) {
    for (;;) {
        char request;
        uint64_t address;
        receive(&request, 1);
        switch (request) {
        case 'a':
            allocate();
            break;
        case 'w':
            address = number();
            receive((void *)(uintptr_t)address, number());
            break;
        case 'r':
            address = number();
            send((const void *)(uintptr_t)address, number());
            break;
        case 'c':
            call();
            break;
        case 'n':
            address = (uintptr_t)functions[number()];
            send(&address, sizeof address);
            break;
        default:
            while (buffer_count > 0) {
                free(buffers[--buffer_count]);
            }
        }
    }
}
