# SPDX-License-Identifier: Apache-2.0
"""A graph survives its text form."""

from pathlib import Path

import pytest
from small_graphs import RESIDUAL, residual

from sapmcu.frontends.tflite import load_tflite
from sapmcu.ir.text import constants, dump_text, parse_text


def test_text_is_what_was_parsed() -> None:
    assert dump_text(parse_text(RESIDUAL)) == RESIDUAL.lstrip()


def test_reference_models_survive(tflite_model: Path) -> None:
    graph = load_tflite(tflite_model)
    assert parse_text(dump_text(graph), constants(graph)) == graph


def test_names_with_spaces_and_quotes_survive() -> None:
    text = RESIDUAL.replace("filter", '"a \\"filter\\", = (1)"')
    graph = parse_text(text)
    assert graph.ops[0].inputs[1] == 'a "filter", = (1)'
    assert parse_text(dump_text(graph)) == graph


@pytest.mark.parametrize(
    ("good", "bad", "says"),
    [
        ("tensor x [1,4,4,2] int8", "tensor x [1,4,4,2] int9", "int9"),
        ("y = Add(b, x, ", "y = Plus(b, x, ", "Plus"),
        ("stride=(1, 1), padding", "padding", "stride is missing"),
        ("tensor a ", "tensor x ", "declared twice"),
        ("= 10 -10", "= ten", "ten"),
    ],
)
def test_a_wrong_line_is_named(good: str, bad: str, says: str) -> None:
    with pytest.raises(ValueError, match=rf"line \d+: .*{says}"):
        parse_text(RESIDUAL.replace(good, bad, 1))


def test_opaque_op_survives() -> None:
    text = """graph g ""
tensor x [1,4] int8 (0.5, 0)
variable state [1,8] int16 (0.5, 0)
tensor y [1,2] int8 (0.5, 0)
input x
output y
y = Opaque(x, _, state, code='SVDF', version=3, custom_code='', options_type='SVDFOptions', options=(('rank', 1), \
('fusedActivationFunction', 0)), custom_options=b'\\x01\\x02', intermediates=())
"""
    graph = parse_text(text)
    assert dump_text(graph) == text
    assert residual() != graph
