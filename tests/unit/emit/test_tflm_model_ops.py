# SPDX-License-Identifier: Apache-2.0
"""Which ops are registered, and in which form."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from small_graphs import RESIDUAL, residual

from sapmcu.emit.origin import Origin
from sapmcu.emit.tflm import emit_model_ops
from sapmcu.emit.tflm_ops import BUILTIN_METHODS, INT8_KERNELS
from sapmcu.errors import UserError
from sapmcu.frontends.tflite import load_tflite
from sapmcu.ir.graph import Graph
from sapmcu.ir.text import parse_text
from sapmcu.ir.tflite import FORMATS

ORIGIN = Origin("1.2.3", "sapmcu convert x.tflite")
OPAQUE = """graph g ""
tensor x [1,4] {dtype} (0.5, 0)
tensor w [2,4] {dtype} (0.5, 0)
tensor y [1,2] {dtype} (0.5, 0)
input x w
output y
y = Opaque(x, w, code={code!r}, version=1, custom_code={custom!r}, options_type='', options=(), \
custom_options=b'', intermediates=())
"""
PAD = """graph g ""
tensor x [1,4] {dtype} (0.5, 0)
const paddings [2,2] int32 = 0 0 1 1
tensor y [1,6] {dtype} (0.5, 0)
input x
output y
y = Pad(x, paddings)
"""


def registered(graph: Graph) -> tuple[int, list[str]]:
    """The resolver's size, and what is added to it."""
    text = emit_model_ops(graph, ORIGIN)["model_ops.h"].decode()
    sizes = re.findall(r"MicroMutableOpResolver<(\d+)>", text)
    assert len(sizes) == 1
    return int(sizes[0]), re.findall(r"resolver\.(\S+\)?\))\)", text)


def opaque(code: str, custom: str = "", dtype: str = "int8") -> Graph:
    return parse_text(OPAQUE.format(code=code, custom=custom, dtype=dtype))


def test_each_op_is_registered_once_in_its_int8_form() -> None:
    assert registered(residual()) == (
        2,
        ["AddAdd(tflite::Register_ADD_INT8())", "AddConv2D(tflite::Register_CONV_2D_INT8())"],
    )


def test_one_op_of_another_type_takes_the_general_kernel() -> None:
    text = RESIDUAL.replace("tensor y [1,4,4,2] int8 (0.75, 1)", "tensor y [1,4,4,2] int16 (0.75, 0)")
    text = text.replace("y = Add(b, x, activation=-128..127)", "y = Add(b, x, activation=-32768..32767)")
    assert registered(parse_text(text))[1][0] == "AddAdd()"


@pytest.mark.parametrize(
    ("dtype", "expected"), [("int8", "AddPad(tflite::Register_PAD_INT8())"), ("int16", "AddPad()")]
)
def test_a_header_that_only_the_int8_form_needs_is_included_with_it(dtype: str, expected: str) -> None:
    graph = parse_text(PAD.format(dtype=dtype))
    assert registered(graph)[1] == [expected]
    includes_pad = b"kernels/pad.h" in emit_model_ops(graph, ORIGIN)["model_ops.h"]
    assert includes_pad is (dtype == "int8")


def test_an_opaque_op_is_registered_by_its_code() -> None:
    assert registered(opaque("SVDF"))[1] == ["AddSvdf(tflite::Register_SVDF_INT8())"]
    assert registered(opaque("UNIDIRECTIONAL_SEQUENCE_LSTM"))[1] == ["AddUnidirectionalSequenceLSTM()"]


def test_a_custom_op_of_tflm_is_registered_by_its_name() -> None:
    assert registered(opaque("CUSTOM", "CIRCULAR_BUFFER"))[1] == ["AddCircularBuffer()"]


@pytest.mark.parametrize(("code", "custom"), [("TILE", ""), ("CUSTOM", "My*/Op\n"), ("CUSTOM", "")])
def test_an_op_without_kernel_in_tflm_is_named(code: str, custom: str) -> None:
    with pytest.raises(UserError, match="TensorFlow Lite Micro has no kernel for") as caught:
        emit_model_ops(opaque(code, custom), ORIGIN)
    assert (custom.replace("*/", "* /").replace("\n", ".") or code) in caught.value.message
    assert caught.value.hint


def test_every_typed_op_has_a_kernel() -> None:
    assert {row.code for row in FORMATS.values()} - set(BUILTIN_METHODS) == set()
    assert set(INT8_KERNELS) <= set(BUILTIN_METHODS)


def test_reference_models_use_int8_forms_where_they_exist(tflite_model: Path) -> None:
    graph = load_tflite(tflite_model)
    size, added = registered(graph)
    assert size == len(added) == len({type(op) for op in graph.ops})
    for registration in added:
        has_int8_form = any(registration.startswith(f"{BUILTIN_METHODS[code]}(") for code in INT8_KERNELS)
        assert ("_INT8()" in registration) is has_int8_form
