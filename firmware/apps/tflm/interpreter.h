// SPDX-License-Identifier: Apache-2.0
// The model of this firmware in a TensorFlow Lite Micro interpreter.
#ifndef SAPMCU_INTERPRETER_H
#define SAPMCU_INTERPRETER_H

#include <cstdint>

#include "tensorflow/lite/micro/micro_interpreter.h"

enum SapmcuExitCode { kSapmcuEqual = 0, kSapmcuDifferent = 1, kSapmcuFailed = 2 };

// The tensor arena: the interpreter's activations at its start, what persists at its end.
extern std::uint8_t *const sapmcu_arena;

// Set up an interpreter, let `use` work with it, return what that returns. Where the model can't be set up,
// or its inputs and outputs are not those of model_data.h, say so on the console and return kSapmcuFailed.
SapmcuExitCode sapmcu_with_interpreter(SapmcuExitCode (*use)(tflite::MicroInterpreter &interpreter));

#endif
