// SPDX-License-Identifier: Apache-2.0
// TensorFlow Lite Micro application: runs the embedded test vectors and compares every output byte.
// Exit code 0: all equal; 1: an output differs; 2: the model can't be set up or run.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "console.h"
#include "interpreter.h"
#include "model_data.h"
#include "sapmcu/port.h"
#include "test_vectors.h"

namespace {

constexpr std::size_t kInputBytes[] = SAPMCU_INPUT_BYTES;
constexpr std::size_t kOutputBytes[] = SAPMCU_OUTPUT_BYTES;

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

SapmcuExitCode run_vectors(tflite::MicroInterpreter &interpreter) {
    print("model ", SAPMCU_MODEL_NAME, "\n");
    print("arena_used_bytes ", interpreter.arena_used_bytes(), "\n");
    std::size_t different = 0;
    for (std::size_t vector = 0; vector < SAPMCU_VECTOR_COUNT; ++vector) {
        for (std::size_t i = 0; i < SAPMCU_INPUT_COUNT; ++i) {
            std::memcpy(interpreter.input(i)->data.raw, sapmcu_vectors[vector].inputs[i], kInputBytes[i]);
        }
        if (interpreter.Invoke() != kTfLiteOk) {
            print("error: vector ", vector, ": Invoke() failed\n");
            return kSapmcuFailed;
        }
        bool all_equal = true;
        for (std::size_t i = 0; i < SAPMCU_OUTPUT_COUNT; ++i) {
            const void *got = interpreter.output(i)->data.raw_const;
            all_equal = is_equal(vector, i, sapmcu_vectors[vector].outputs[i], got) && all_equal;
        }
        different += all_equal ? 0 : 1;
    }
    print("vectors ", std::size_t{SAPMCU_VECTOR_COUNT}, " different ", different, "\n");
    return different == 0 ? kSapmcuEqual : kSapmcuDifferent;
}

} // namespace

int main() {
    sapmcu_port_init();
    return sapmcu_with_interpreter(run_vectors);
}
