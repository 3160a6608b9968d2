/* SPDX-License-Identifier: Apache-2.0 */
/* The least application around a detector, in C that is C++ too: fill the input, run, decode the outputs, act
 * on boxes. Build it in place of main.c of a project that `sapmcu convert ssdlite.keras` wrote, with
 * sapmcu_detect.c and what `sapmcu detector` wrote. */
#include "sapmcu/port.h"
#include "sapmcu_ssdlite.h"
#include "sapmcu_ssdlite_detector.h"

/* Your camera: colour `index % 3` of pixel `index / 3`, from 0 to 1. */
static float read_colour(uint32_t index) {
    return (float)(index * 37u % 256u) / 255.0f;
}

/* A real number as the model's input has it. */
static SAPMCU_SSDLITE_INPUT_0_TYPE quantize(float real) {
    const float q = real / SAPMCU_SSDLITE_INPUT_0_SCALE + SAPMCU_SSDLITE_INPUT_0_ZERO_POINT;
    const float rounded = q < 0 ? q - 0.5f : q + 0.5f;
    return (SAPMCU_SSDLITE_INPUT_0_TYPE)(rounded < -128.0f ? -128.0f : rounded > 127.0f ? 127.0f : rounded);
}

/* Three digits. */
static void write_number(char *text, uint32_t number) {
    text[0] = (char)('0' + number / 100 % 10);
    text[1] = (char)('0' + number / 10 % 10);
    text[2] = (char)('0' + number % 10);
}

static uint32_t percent(int32_t length) {
    return (uint32_t)length * 100 / SAPMCU_BOX_UNIT;
}

/* One line of text, all numbers but the class in percent. */
static void print_box(const sapmcu_box *box) {
    char text[] = "class 000: 000 % at 000,000 to 000,000\n";
    write_number(text + 6, box->class_index);
    write_number(text + 11, (uint32_t)box->score * 100 / 65536);
    write_number(text + 20, percent(box->top));
    write_number(text + 24, percent(box->left));
    write_number(text + 31, percent(box->bottom));
    write_number(text + 35, percent(box->right));
    sapmcu_port_write(text, sizeof text - 1);
}

int main(void) {
    static sapmcu_box boxes[SAPMCU_SSDLITE_MAX_BOXES];

    sapmcu_port_init();
    SAPMCU_SSDLITE_INPUT_0_TYPE *image = (SAPMCU_SSDLITE_INPUT_0_TYPE *)sapmcu_ssdlite_input(0);
    for (uint32_t i = 0; i < SAPMCU_SSDLITE_INPUT_0_ELEMENTS; i++) {
        image[i] = quantize(read_colour(i));
    }
    if (sapmcu_ssdlite_invoke() != 0) {
        return 1;
    }
    const int8_t *codes = (const int8_t *)sapmcu_ssdlite_output(0);
    const int8_t *scores = (const int8_t *)sapmcu_ssdlite_output(1);
    const uint32_t count =
        sapmcu_detect(&sapmcu_ssdlite_detector, codes, scores, boxes, SAPMCU_SSDLITE_MAX_BOXES);
    for (uint32_t i = 0; i < count; i++) {
        print_box(&boxes[i]);
    }
    return 0;
}
