// SPDX-License-Identifier: Apache-2.0
// In your own application keep these steps, write to interpreter.input(i)->data, call Invoke() and read
// interpreter.output(i)->data; model_data.h has their shapes and quantization.
#include "interpreter.h"

#include <cstddef>

#include "console.h"
#include "model_data.h"
#include "model_ops.h"
#include "tensorflow/lite/micro/system_setup.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace {

constexpr std::size_t kArenaAlignment = 16; // MicroArenaBufferAlignment() of TFLM
constexpr std::size_t kArenaBytes =
    (SAPMCU_ARENA_BYTES + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
constexpr std::size_t kInputBytes[] = SAPMCU_INPUT_BYTES;
constexpr std::size_t kOutputBytes[] = SAPMCU_OUTPUT_BYTES;

// ld/sections.ld places this section in the region that the board has for the arena.
alignas(kArenaAlignment) __attribute__((section(".bss.sapmcu_arena"))) std::uint8_t arena[kArenaBytes];

template <typename... Parts> SapmcuExitCode fail(Parts... parts) {
    print("error: ", parts..., "\n");
    return kSapmcuFailed;
}

// Whether the interpreter's tensors are those that model_data.h was generated for.
bool has_expected_tensors(tflite::MicroInterpreter &interpreter) {
    if (interpreter.inputs_size() != SAPMCU_INPUT_COUNT ||
        interpreter.outputs_size() != SAPMCU_OUTPUT_COUNT) {
        return false;
    }
    for (std::size_t i = 0; i < SAPMCU_INPUT_COUNT; ++i) {
        const TfLiteTensor *input = interpreter.input(i);
        if (input == nullptr || input->bytes != kInputBytes[i]) {
            return false;
        }
    }
    for (std::size_t i = 0; i < SAPMCU_OUTPUT_COUNT; ++i) {
        const TfLiteTensor *output = interpreter.output(i);
        if (output == nullptr || output->bytes != kOutputBytes[i]) {
            return false;
        }
    }
    return true;
}

} // namespace

std::uint8_t *const sapmcu_arena = arena;

SapmcuExitCode sapmcu_with_interpreter(SapmcuExitCode (*use)(tflite::MicroInterpreter &interpreter)) {
    tflite::InitializeTarget();
    const tflite::Model *model = tflite::GetModel(sapmcu_model_data);
    if (model->version() != TFLITE_SCHEMA_VERSION) {
        return fail("the model has schema version ", std::size_t{model->version()}, ", this TFLM reads ",
                    std::size_t{TFLITE_SCHEMA_VERSION});
    }
    SapmcuOpResolver resolver;
    if (sapmcu_register_ops(resolver) != kTfLiteOk) {
        return fail("the ops of model_ops.h can't be registered");
    }
    tflite::MicroInterpreter interpreter(model, resolver, arena, kArenaBytes);
    if (interpreter.AllocateTensors() != kTfLiteOk) {
        return fail("AllocateTensors() failed; the arena has ", kArenaBytes, " bytes");
    }
    if (!has_expected_tensors(interpreter)) {
        return fail("the inputs or outputs are not those of model_data.h");
    }
    return use(interpreter);
}
