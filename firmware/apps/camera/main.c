/* SPDX-License-Identifier: Apache-2.0 */
/* A camera that delivers lines, and a model that never has the whole image in memory: each line is quantized
 * and pushed; the model computes what it can, so that the scores are there soon after the last line. C that
 * is C++ too. Build it in place of main.c of a project whose model takes its input by rows. */
#include "sapmcu/port.h"
#include "sapmcu_dscnn.h"

/* Your camera: pixel `column` of line `row`, from 0 (black) to 1 (white). */
static float read_pixel(uint32_t row, uint32_t column) {
    return (float)((row * SAPMCU_DSCNN_INPUT_0_ROW_BYTES + column) * 37u % 256u) / 255.0f;
}

/* A real number as the model's input has it. */
static int8_t quantize(float real) {
    const float q = real / SAPMCU_DSCNN_INPUT_0_SCALE + SAPMCU_DSCNN_INPUT_0_ZERO_POINT;
    const float rounded = q < 0 ? q - 0.5f : q + 0.5f;
    return (int8_t)(rounded < -128.0f ? -128.0f : rounded > 127.0f ? 127.0f : rounded);
}

/* One line of text: a score is a probability in units of SAPMCU_DSCNN_OUTPUT_0_SCALE, 1/256. */
static void print_score(uint32_t index, int8_t q) {
    const uint32_t score = (uint32_t)(q - SAPMCU_DSCNN_OUTPUT_0_ZERO_POINT);
    char text[] = "class 0: 000/256\n";
    text[6] = (char)('0' + index);
    text[9] = (char)('0' + score / 100);
    text[10] = (char)('0' + score / 10 % 10);
    text[11] = (char)('0' + score % 10);
    sapmcu_port_write(text, sizeof text - 1);
}

/* One image; returns how many lines it took. */
static uint32_t take_image(void) {
    int8_t line[SAPMCU_DSCNN_INPUT_0_ROW_BYTES];
    uint32_t row = 0;
    do {
        for (uint32_t column = 0; column < sizeof line; column++) {
            line[column] = quantize(read_pixel(row, column));
        }
        row++;
    } while (!sapmcu_dscnn_push_row(line));
    return row;
}

int main(void) {
    sapmcu_port_init();
    for (int image = 0; image < 2; image++) { /* the second is like the first */
        if (take_image() != SAPMCU_DSCNN_INPUT_0_ROWS) {
            return 1;
        }
        const int8_t *scores = (const int8_t *)sapmcu_dscnn_output(0);
        for (uint32_t i = 0; i < SAPMCU_DSCNN_OUTPUT_0_ELEMENTS; i++) {
            print_score(i, scores[i]);
        }
    }
    return 0;
}
