/* SPDX-License-Identifier: Apache-2.0 */
/* The least application around a native model, in C that is C++ too: fill the input, run, act on the output.
 * Build it in place of main.c of a project that `sapmcu convert models/fashion_mnist/dscnn.h5` wrote; without
 * sapmcu, compile the `sources` and `includes` that firmware/build.json lists, with a target's `sources`. */
#include "sapmcu/port.h"
#include "sapmcu_dscnn.h"

/* Your camera: pixel `index` of an image, from 0 (black) to 1 (white). */
static float read_pixel(uint32_t index) {
    return (float)(index * 37u % 256u) / 255.0f;
}

/* A real number as the model's input has it. */
static SAPMCU_DSCNN_INPUT_0_TYPE quantize(float real) {
    const float q = real / SAPMCU_DSCNN_INPUT_0_SCALE + SAPMCU_DSCNN_INPUT_0_ZERO_POINT;
    const float rounded = q < 0 ? q - 0.5f : q + 0.5f;
    return (SAPMCU_DSCNN_INPUT_0_TYPE)(rounded < -128.0f ? -128.0f : rounded > 127.0f ? 127.0f : rounded);
}

/* One line of text: a score is a probability in units of SAPMCU_DSCNN_OUTPUT_0_SCALE, 1/256. */
static void print_score(uint32_t index, SAPMCU_DSCNN_OUTPUT_0_TYPE q) {
    const uint32_t score = (uint32_t)(q - SAPMCU_DSCNN_OUTPUT_0_ZERO_POINT);
    char text[] = "class 0: 000/256\n";
    text[6] = (char)('0' + index);
    text[9] = (char)('0' + score / 100);
    text[10] = (char)('0' + score / 10 % 10);
    text[11] = (char)('0' + score % 10);
    sapmcu_port_write(text, sizeof text - 1);
}

int main(void) {
    sapmcu_port_init();

    SAPMCU_DSCNN_INPUT_0_TYPE *image = (SAPMCU_DSCNN_INPUT_0_TYPE *)sapmcu_dscnn_input(0);
    for (uint32_t i = 0; i < SAPMCU_DSCNN_INPUT_0_ELEMENTS; i++) {
        image[i] = quantize(read_pixel(i));
    }
    if (sapmcu_dscnn_invoke() != 0) {
        return 1;
    }
    const SAPMCU_DSCNN_OUTPUT_0_TYPE *scores = (const SAPMCU_DSCNN_OUTPUT_0_TYPE *)sapmcu_dscnn_output(0);
    for (uint32_t i = 0; i < SAPMCU_DSCNN_OUTPUT_0_ELEMENTS; i++) {
        print_score(i, scores[i]);
    }
    return 0;
}
