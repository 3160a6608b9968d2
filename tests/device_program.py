# SPDX-License-Identifier: Apache-2.0
"""The device's side of the protocol as a program of this host, with sanitizers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sapmcu.firmware_files import firmware_dir

needs_gcc = pytest.mark.needs("gcc")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wmissing-prototypes", "-Werror")


def compile_device(directory: Path, model: str) -> Path:
    (directory / "adder.c").write_text(model)
    firmware = firmware_dir()
    sources = [
        firmware / name
        for name in ("apps/native/main.c", "engine/sapmcu_frames.c", "engine/sapmcu_serve.c", "port/host/pipe.c")
    ]
    program = directory / "device"
    defines = (
        "-D_POSIX_C_SOURCE=200809L",
        '-DSAPMCU_CORE="host"',
        '-DSAPMCU_BUILD="gcc"',
        '-DSAPMCU_BOARD="host_board"',
    )
    options = (*WARNINGS, *defines, "-O1", "-g", *SANITIZERS, f"-I{firmware / 'include'}")
    subprocess.run(["gcc", *options, *sources, directory / "adder.c", "-o", program], check=True)
    return program


ROW = 12
"""Bytes of a row of ROW_MODEL."""
ROW_MODEL = """
#include "sapmcu/model.h"

static const uint8_t order[5] = {0, 1, 2, 3, 0};
static uint8_t arena[24];
static uint8_t position;

static int advance(void) {
    for (int i = 0; i < 12; i++) {
        arena[12 + i] = (uint8_t)(position == 0 ? 0 : arena[12 + i] + arena[i]);
    }
    position = position == 5 ? 128 : position;
    return position < 5 ? 1 : (position = 0);
}

static void find(sapmcu_input_row *next) {
    *next = (sapmcu_input_row){arena, 0, order[position], 0, 12};
}

static void take(void) {
    position++;
}

static void restart(void) {
    position = 0;
}

static const uint32_t row_bytes[1] = {12};
static const sapmcu_row_inputs rows = {row_bytes, advance, find, take, restart};
static const sapmcu_tensor inputs[1] = {{NULL, 48}};
static const sapmcu_tensor outputs[1] = {{arena + 12, 12}};
static const sapmcu_model adder = {
    .name = "rows",
    .input_count = 1,
    .output_count = 1,
    .op_count = 1,
    .inputs = inputs,
    .outputs = outputs,
    .arena = arena,
    .arena_bytes = sizeof arena,
    .rows = &rows,
};
const sapmcu_model *const sapmcu_models[] = {&adder};
const uint32_t sapmcu_model_count = 1;
"""
"""Its input comes in 4 rows, of which it takes the first again; its output is their sum."""


def row_sum(data: bytes) -> bytes:
    rows = [data[start : start + ROW] for start in (0, 12, 24, 36, 0)]
    return bytes(sum(column) & 0xFF for column in zip(*rows, strict=True))
