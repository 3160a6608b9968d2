// SPDX-License-Identifier: Apache-2.0
// TensorFlow Lite Micro application: runs the embedded test vectors and compares every output byte.
// Exit code 0: all equal; 1: an output differs; 2: the model can't be set up or run.
//
// In your own application keep make_interpreter's steps, write to interpreter.input(i)->data, call Invoke()
// and read interpreter.output(i)->data; model_data.h has their shapes and quantization.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "model_data.h"
#include "model_ops.h"
#include "sapmcu/port.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/system_setup.h"
#include "tensorflow/lite/schema/schema_generated.h"
#include "test_vectors.h"

namespace {

enum ExitCode { kEqual = 0, kDifferent = 1, kFailed = 2 };

constexpr std::size_t kArenaAlignment = 16; // MicroArenaBufferAlignment() of TFLM
constexpr std::size_t kArenaBytes =
    (SAPMCU_ARENA_BYTES + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
constexpr std::size_t kInputBytes[] = SAPMCU_INPUT_BYTES;
constexpr std::size_t kOutputBytes[] = SAPMCU_OUTPUT_BYTES;

// ld/sections.ld places this section in the region that the board has for the arena.
alignas(kArenaAlignment) __attribute__((section(".bss.sapmcu_arena"))) std::uint8_t arena[kArenaBytes];

void print(const char *text) {
    sapmcu_port_write(text, std::strlen(text));
}

void print(std::size_t number) {
    char digits[10]; // of a 32-bit number
    std::size_t first = sizeof digits;
    do {
        digits[--first] = static_cast<char>('0' + number % 10);
        number /= 10;
    } while (number != 0);
    sapmcu_port_write(digits + first, sizeof digits - first);
}

template <typename First, typename... Rest> void print(First first, Rest... rest) {
    print(first);
    print(rest...);
}

template <typename... Parts> ExitCode fail(Parts... parts) {
    print("error: ", parts..., "\n");
    return kFailed;
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

// Print the first byte of an output that differs; true where none does.
bool is_equal(std::size_t vector, std::size_t index, const void *expected, const void *got) {
    const auto *expected_bytes = static_cast<const std::uint8_t *>(expected);
    const auto *got_bytes = static_cast<const std::uint8_t *>(got);
    for (std::size_t byte = 0; byte < kOutputBytes[index]; ++byte) {
        if (expected_bytes[byte] != got_bytes[byte]) {
            print("vector ", vector, " output ", index, " byte ", byte, ": expected ",
                  std::size_t{expected_bytes[byte]}, ", got ", std::size_t{got_bytes[byte]}, "\n");
            return false;
        }
    }
    return true;
}

ExitCode run_vectors(tflite::MicroInterpreter &interpreter) {
    std::size_t different = 0;
    for (std::size_t vector = 0; vector < SAPMCU_VECTOR_COUNT; ++vector) {
        for (std::size_t i = 0; i < SAPMCU_INPUT_COUNT; ++i) {
            std::memcpy(interpreter.input(i)->data.raw, sapmcu_vectors[vector].inputs[i], kInputBytes[i]);
        }
        if (interpreter.Invoke() != kTfLiteOk) {
            return fail("vector ", vector, ": Invoke() failed");
        }
        bool all_equal = true;
        for (std::size_t i = 0; i < SAPMCU_OUTPUT_COUNT; ++i) {
            const void *got = interpreter.output(i)->data.raw_const;
            all_equal = is_equal(vector, i, sapmcu_vectors[vector].outputs[i], got) && all_equal;
        }
        different += all_equal ? 0 : 1;
    }
    print("vectors ", std::size_t{SAPMCU_VECTOR_COUNT}, " different ", different, "\n");
    return different == 0 ? kEqual : kDifferent;
}

ExitCode run_model() {
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
    print("model ", SAPMCU_MODEL_NAME, "\n");
    print("arena_used_bytes ", interpreter.arena_used_bytes(), "\n");
    return run_vectors(interpreter);
}

} // namespace

int main() {
    sapmcu_port_init();
    tflite::InitializeTarget();
    return run_model();
}
