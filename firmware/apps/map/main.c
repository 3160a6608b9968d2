/* SPDX-License-Identifier: Apache-2.0 */
/* A model whose output is an image: neither it nor the input is ever in memory as a whole. Each row of the
 * map is printed as soon as it is made, between two lines of the camera. C that is C++ too. Build it in place
 * of main.c of a project whose model takes its input and gives its output by rows. */
#include "sapmcu/port.h"
#include "sapmcu_map.h"

/* Your camera: number `column` of line `row`, as the model's input has it. */
static int8_t read_number(uint32_t row, uint32_t column) {
    return (int8_t)((row * SAPMCU_MAP_INPUT_0_ROW_BYTES + column) * 37u % 256u - 128u);
}

/* One row of the map: a '#' where its number is above the zero point. */
static void print_row(void *context, const sapmcu_output_row *row) {
    const int8_t *const numbers = (const int8_t *)row->data;
    char text[SAPMCU_MAP_OUTPUT_0_ROW_BYTES + 1];
    for (uint32_t i = 0; i < row->bytes; i++) {
        text[i] = numbers[i] > SAPMCU_MAP_OUTPUT_0_ZERO_POINT ? '#' : '.';
    }
    text[row->bytes] = '\n';
    sapmcu_port_write(text, sizeof text);
    ++*(uint32_t *)context;
}

int main(void) {
    int8_t line[SAPMCU_MAP_INPUT_0_ROW_BYTES];
    uint32_t row = 0, printed = 0;
    sapmcu_port_init();
    sapmcu_map_give_rows(print_row, &printed);
    do {
        for (uint32_t column = 0; column < sizeof line; column++) {
            line[column] = read_number(row, column);
        }
        row++;
    } while (!sapmcu_map_push_row(line));
    return printed == SAPMCU_MAP_OUTPUT_0_ROWS ? 0 : 1;
}
