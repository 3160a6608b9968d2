# SPDX-License-Identifier: Apache-2.0
"""The C of a native model: compiles without a warning everywhere, survives any name, and runs op by op."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from firmware_project import C_OPTIONS, ORIGIN, WARNINGS, run, write_files
from native_data.small_net import small_net

from sapmcu.emit.native import c_identifier, emit_model_table, emit_native
from sapmcu.emit.native_kernels import functions, kernel_files
from sapmcu.firmware_files import firmware_dir
from sapmcu.ir.graph import Graph
from sapmcu.ir.twins import Twins
from sapmcu.lower import lower_graph

SHA256 = bytes(range(32)).hex()
CORES = ("cortex-m0plus", "cortex-m4")
INCLUDE = f"-I{firmware_dir() / 'include'}"
KERNELS = (
    "sapmcu_arg_max_s8",
    "sapmcu_arg_min_s8",
    "sapmcu_copy",
    "sapmcu_dequantize_s8",
    "sapmcu_fill",
    "sapmcu_gather",
    "sapmcu_l2_normalization_s8",
    "sapmcu_log_softmax_s8",
    "sapmcu_lut_s8",
    "sapmcu_prelu_s8",
    "sapmcu_quantize_f32_s8",
    "sapmcu_reduce_max_s8",
    "sapmcu_reduce_min_s8",
    "sapmcu_reduce_sum_s8",
    "sapmcu_requantize_s16_s8",
    "sapmcu_requantize_s32_s8",
    "sapmcu_requantize_s8_s16",
    "sapmcu_requantize_s8_s32",
    "sapmcu_resize_bilinear_first_row",
    "sapmcu_resize_bilinear_row_s8",
    "sapmcu_resize_bilinear_s8",
    "sapmcu_resize_nearest",
    "sapmcu_resize_nearest_row",
    "sapmcu_softmax_s8",
)
NAMES = (
    "small-net",
    "42",
    "",
    "int",
    'a "quoted" */ \\ ??/ name\n#error',
    "ünïcödé 模型",
)


def named(name: str) -> Graph:
    return replace(small_net(), name=name)


@pytest.mark.needs("arm-none-eabi-gcc")
@pytest.mark.parametrize("core", CORES)
def test_kernels_and_models_compile_without_a_warning(core: str, tmp_path: Path) -> None:
    files = emit_model_table(NAMES[:2], ORIGIN)
    for name in NAMES:
        files |= emit_native(lower_graph(named(name)), SHA256, ORIGIN)
    write_files(tmp_path, files)
    sources = [tmp_path / name for name in files if name.endswith(".c")]
    kernels = [firmware_dir() / "kernels" / f"{name}.c" for name in KERNELS]
    options = (f"-mcpu={core}", "-mthumb", "-O2", "-fstack-usage", INCLUDE)
    run(["arm-none-eabi-gcc", *C_OPTIONS, *options, "-c", *sources, *kernels], cwd=tmp_path)
    usage = {path.stem: _stack_bytes(path) for path in tmp_path.glob("*.su")}
    assert max(usage.values()) <= 256, usage  # the whole stack has 1 KB


def _stack_bytes(path: Path) -> int:
    """The largest frame; none is dynamic."""
    frames = [line.split("\t") for line in path.read_text().splitlines()]
    assert all(kind == "static" for _, _, kind in frames), frames
    return max((int(size) for _, size, _ in frames), default=0)


@pytest.mark.needs("g++")
def test_header_is_cpp(tmp_path: Path) -> None:
    write_files(tmp_path, emit_native(lower_graph(small_net()), SHA256, ORIGIN))
    (tmp_path / "user.cc").write_text(
        2 * '#include "sapmcu_small_net.h"\n' + "int main() { return sapmcu_small_net_invoke(); }\n"
    )
    run(["g++", "-std=c++11", *WARNINGS, INCLUDE, "-fsyntax-only", "user.cc"], cwd=tmp_path)


IDENTIFIERS = ("small_net", "42", "model", "int", "a_quoted_name_error", "n_c_d")


@pytest.mark.parametrize(("name", "identifier"), list(zip(NAMES, IDENTIFIERS, strict=True)))
def test_any_name_makes_an_identifier(name: str, identifier: str) -> None:
    assert c_identifier(name) == identifier


def test_models_of_one_firmware_need_names_that_differ() -> None:
    with pytest.raises(AssertionError, match="share an identifier"):
        emit_model_table(["a-b", "a_b"], ORIGIN)


def test_same_graph_same_bytes() -> None:
    first, second = (emit_native(lower_graph(small_net()), SHA256, ORIGIN) for _ in range(2))
    assert first == second


def test_equal_constants_and_structs_are_one() -> None:
    """Both halves of the concatenation are copied by one struct but for its offset."""
    program = lower_graph(small_net())
    assert len(set(program.constants.values())) == len(program.constants)
    assert len(set(program.params.values())) == len(program.params)


def test_kernel_files_are_those_that_the_program_leads_to() -> None:
    program = lower_graph(small_net())
    assert "sapmcu_copy" in functions(program) and "sapmcu_conv2d_row_s8" in functions(program)
    sources, headers = kernel_files(program, Twins.NONE)
    assert "kernels/sapmcu_softmax_s8.c" in sources and "engine/sapmcu_run_rows.c" in sources
    assert "kernels/sapmcu_sub_s8.c" not in sources
    assert {"include/sapmcu/conv2d.h", "include/sapmcu/requantize.h", "kernels/gemmlowp.h"} <= set(headers)


@pytest.mark.needs("gcc")
def test_program_links_with_just_its_kernel_files(tmp_path: Path) -> None:
    program = lower_graph(small_net())
    sources, headers = kernel_files(program, Twins.NONE)
    write_files(tmp_path, emit_native(program, SHA256, ORIGIN))
    write_files(tmp_path, {path: (firmware_dir() / path).read_bytes() for path in (*sources, *headers)})
    write_files(tmp_path, {"include/sapmcu/model.h": (firmware_dir() / "include/sapmcu/model.h").read_bytes()})
    (tmp_path / "main.c").write_text(MAIN)
    command = ["gcc", *C_OPTIONS, "-Iinclude", "-I.", "main.c", "sapmcu_small_net.c", *sources, "-o", "main"]
    run(command, cwd=tmp_path)
    run([tmp_path / "main"])


MAIN = """
#include "sapmcu_small_net.h"

/* Op by op is the same as all at once; pointers are those of the table. */
int main(void) {
    const sapmcu_model *model = &sapmcu_small_net_model;
    int8_t all[SAPMCU_SMALL_NET_OUTPUT_0_BYTES];
    const int8_t *y = sapmcu_small_net_output(0);
    for (int round = 0; round < 2; round++) {
        int8_t *x = sapmcu_small_net_input(0);
        for (int i = 0; i < SAPMCU_SMALL_NET_INPUT_0_BYTES; i++) {
            x[i] = (int8_t)(37 * i);
        }
        int status = round == 0 ? sapmcu_small_net_invoke() : model->invoke_ops(model->op_count);
        if (status != 0) {
            return 1;
        }
        for (int i = 0; i < SAPMCU_SMALL_NET_OUTPUT_0_BYTES; i++) {
            if (round == 0) {
                all[i] = y[i];
            } else if (all[i] != y[i]) {
                return 2;
            }
        }
    }
    if (sapmcu_small_net_input(1) != NULL || sapmcu_small_net_output(1) != NULL) {
        return 3;
    }
    return model->invoke_ops(0) != 0 || model->op_count != 9 || model->inputs[0].data != sapmcu_small_net_input(0);
}
"""
