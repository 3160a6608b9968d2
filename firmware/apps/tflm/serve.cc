// SPDX-License-Identifier: Apache-2.0
// TensorFlow Lite Micro application in main.cc's place: serves the model to a host, for `sapmcu run` and
// `sapmcu test`.
#include <cstddef>
#include <cstdint>

#include "interpreter.h"
#include "model_data.h"
#include "sapmcu/port.h"
#include "sapmcu/protocol.h"

#ifndef SAPMCU_CORE
#define SAPMCU_CORE "unknown"
#endif
#ifndef SAPMCU_BUILD
#define SAPMCU_BUILD "unknown"
#endif
#ifndef SAPMCU_BOARD
#define SAPMCU_BOARD ""
#endif

namespace {

sapmcu_tensor inputs[SAPMCU_INPUT_COUNT];
sapmcu_tensor outputs[SAPMCU_OUTPUT_COUNT];
sapmcu_model model;
tflite::MicroInterpreter *current;

int invoke() {
    return current->Invoke();
}

constexpr std::uint8_t digit(char hex) {
    return static_cast<std::uint8_t>(hex <= '9' ? hex - '0' : hex - 'a' + 10);
}

sapmcu_tensor describe(const TfLiteTensor *tensor) {
    return {tensor->data.data, static_cast<std::uint32_t>(tensor->bytes)};
}

// The arena in use is what AllocateTensors() has found to be needed, a part of the memory that it was given.
void describe_model(tflite::MicroInterpreter &interpreter) {
    static const char sha256[] = SAPMCU_MODEL_SHA256;
    for (std::size_t i = 0; i < sizeof model.sha256; ++i) {
        model.sha256[i] = static_cast<std::uint8_t>(digit(sha256[2 * i]) << 4 | digit(sha256[2 * i + 1]));
    }
    for (std::size_t i = 0; i < SAPMCU_INPUT_COUNT; ++i) {
        inputs[i] = describe(interpreter.input(i));
    }
    for (std::size_t i = 0; i < SAPMCU_OUTPUT_COUNT; ++i) {
        outputs[i] = describe(interpreter.output(i));
    }
    model.name = SAPMCU_MODEL_NAME;
    model.input_count = SAPMCU_INPUT_COUNT;
    model.output_count = SAPMCU_OUTPUT_COUNT;
    model.inputs = inputs;
    model.outputs = outputs;
    model.arena = sapmcu_arena;
    model.arena_bytes = static_cast<std::uint32_t>(interpreter.arena_used_bytes());
    model.invoke = invoke;
}

SapmcuExitCode serve(tflite::MicroInterpreter &interpreter) {
    static const sapmcu_device device = {"tflm", SAPMCU_CORE, SAPMCU_BUILD, SAPMCU_BOARD};
    current = &interpreter;
    describe_model(interpreter);
    sapmcu_serve(&device);
    return kSapmcuEqual;
}

} // namespace

const sapmcu_model *const sapmcu_models[] = {&model};
const std::uint32_t sapmcu_model_count = 1;

int main() {
    sapmcu_port_init();
    return sapmcu_with_interpreter(serve);
}
