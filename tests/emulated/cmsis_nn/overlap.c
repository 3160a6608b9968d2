// SPDX-License-Identifier: Apache-2.0
// CMSIS-NN's kernels with their result over their operand, against the same apart. cases.h, which the test
// writes, has the operands and run_all(). On QEMU's mps3-an547, without an operating system; prints by
// semihosting.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arm_nnfunctions.h"

enum kind { CONVOLUTION, DEPTHWISE, AVERAGE_POOL, MAX_POOL, ADD };

struct layer {
    const char *name;
    enum kind kind;
    const int8_t *x, *filter;
    const int32_t *bias, *multiplier, *shift;
    int32_t height, width, channels, rows, columns, outputs;
    int32_t window[2], stride[2], dilation[2], padding[2];
    int32_t lead; // bytes from the result's start to the operand's
};

static int8_t apart[40000], arena[80000];
static int64_t scratch[30000];
static int failures, sensitive, total;

static int compute(const struct layer *layer, const int8_t *x, int8_t *y) {
    const cmsis_nn_context context = {scratch, sizeof scratch};
    const cmsis_nn_dims input = {1, layer->height, layer->width, layer->channels};
    const cmsis_nn_dims output = {1, layer->rows, layer->columns, layer->outputs};
    const cmsis_nn_dims bias = {1, 1, 1, layer->outputs};
    const cmsis_nn_per_channel_quant_params scales = {(int32_t *)layer->multiplier, (int32_t *)layer->shift};
    const cmsis_nn_tile stride = {layer->stride[1], layer->stride[0]};
    const cmsis_nn_tile padding = {layer->padding[1], layer->padding[0]};
    const cmsis_nn_tile dilation = {layer->dilation[1], layer->dilation[0]};
    const cmsis_nn_activation range = {-128, 127};
    cmsis_nn_dims window = {1, layer->window[0], layer->window[1], layer->outputs};
    const cmsis_nn_pool_params pool = {stride, padding, range};
    switch (layer->kind) {
    case CONVOLUTION: {
        window.n = layer->outputs;
        window.c = layer->channels;
        const cmsis_nn_conv_params parameters = {5, -3, stride, padding, dilation, range};
        return arm_convolve_wrapper_s8(&context, &parameters, &scales, &input, x, &window, layer->filter,
                                       &bias, layer->bias, &output, y);
    }
    case DEPTHWISE: {
        const cmsis_nn_dw_conv_params parameters = {5, -3, 1, stride, padding, dilation, range};
        return arm_depthwise_conv_wrapper_s8(&context, &parameters, &scales, &input, x, &window,
                                             layer->filter, &bias, layer->bias, &output, y);
    }
    case AVERAGE_POOL:
        return arm_avgpool_s8(&context, &pool, &input, x, &window, &output, y);
    case MAX_POOL:
        return arm_max_pool_s8(&context, &pool, &input, x, &window, &output, y);
    default:
        return arm_elementwise_add_s8(x, x, 5, 1 << 30, 0, 5, 1 << 30, 0, 20, y, -3, 1 << 30, -18, -128, 127,
                                      layer->height * layer->width * layer->channels);
    }
}

static int differs(const struct layer *layer, int32_t lead) {
    int8_t *x = arena + (lead > 0 ? lead : 0), *y = arena + (lead < 0 ? -lead : 0);
    memcpy(x, layer->x, (size_t)(layer->height * layer->width * layer->channels));
    return compute(layer, x, y) || memcmp(y, apart, (size_t)(layer->rows * layer->columns * layer->outputs));
}

static void run(const struct layer *layer) {
    total++;
    if (compute(layer, layer->x, apart) || differs(layer, layer->lead)) {
        failures++;
        printf("%s: wrong with its result %ld bytes before\n", layer->name, (long)layer->lead);
    }
    sensitive += differs(layer, layer->lead - 1) ? 1 : 0;
}

#include "cases.h"

extern void initialise_monitor_handles(void);
extern uint32_t __stack, __bss_start__[], __bss_end__[];

int main(void) {
    initialise_monitor_handles();
    run_all();
    printf("total %d failures %d sensitive %d\n", total, failures, sensitive);
    return 0;
}

void reset(void) {
    *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20; // CPACR: floating point and MVE
    __asm__ volatile("dsb\nisb");
    for (uint32_t *word = __bss_start__; word < __bss_end__; word++)
        *word = 0;
    exit(main());
}

__attribute__((section(".vectors"), used)) const void *const vectors[] = {&__stack, (const void *)reset};
