# SPDX-License-Identifier: Apache-2.0
"""A graph that can't be is refused, with the place."""

import pytest
from small_graphs import RESIDUAL

from sapmcu.errors import UserError
from sapmcu.ir.check import check_graph, verify_graph
from sapmcu.ir.text import parse_text


def test_a_sound_graph_passes() -> None:
    verify_graph(parse_text(RESIDUAL))


@pytest.mark.parametrize(
    ("good", "bad", "says"),
    [
        ("a = Conv2D(x,", "a = Conv2D(b,", "op 0 CONV_2D reads b, which nothing has written before"),
        ("b = Conv2D(a, filter,", "a = Conv2D(a, filter,", "op 1 CONV_2D writes a, which is written elsewhere"),
        ("output y", "output filter y", None),
        ("output y", "output", "no input or no output"),
        (
            "const bias [2] int32 axis 0 (0.125, 0) (0.25, 0) = 10 -10",
            "const bias [2] int32 = 10",
            "holds 4 bytes, not 8",
        ),
        (" (0.25, 0) (0.5, 0) = 1 -2", " (0.25, 0) (0.25, 0) (0.5, 0) = 1 -2", "has 3 scales"),
        ("tensor a [1,4,4,2] int8 (0.25, 4)", "tensor a [1,4,4,2] int8 (-0.25, 4)", "negative"),
        ("input x", "input x filter", "input filter is a constant"),
        ("tensor y [1,4,4,2]", "tensor y [1,4,4,3]", r"op 2 ADD \(y\)"),
        ("tensor a [1,4,4,2] int8 (0.25, 4)", "tensor a [1,4,4,2] int8", "op 0"),
    ],
)
def test_violation_is_named(good: str, bad: str, says: str | None) -> None:
    graph = parse_text(RESIDUAL.replace(good, bad, 1))
    if says is None:
        check_graph(graph, "g")
        return
    with pytest.raises(UserError, match=says) as caught:
        check_graph(graph, "the.tflite")
    assert caught.value.message.startswith("the.tflite is not a valid model: ")
    assert caught.value.hint


def test_int8_form_that_cannot_be_is_not_blamed_on_the_file() -> None:
    graph = parse_text(
        "tensor x [1,3] int8 (1e-9, 0)\ntensor y [1,3] int8 (0.00390625, -128)\ninput x\noutput y\n"
        "y = Softmax(x, beta=1.0)"
    )
    with pytest.raises(UserError, match=r"^m\.keras can't be quantized: op 0 SOFTMAX") as caught:
        check_graph(graph, "m.keras", is_quantized_here=True)
    assert "train the model" in str(caught.value.hint)


def test_all_violations_are_listed_up_to_ten() -> None:
    many = "\n".join(f"y{i} = Add(nowhere, nowhere, activation=-128..127)" for i in range(15))
    tensors = "\n".join(f"tensor y{i} [1] int8 (0.5, 0)" for i in range(15))
    graph = parse_text(f"tensor nowhere [1] int8 (0.5, 0)\n{tensors}\ninput nowhere\noutput y0\n{many}\n{many}")
    with pytest.raises(UserError) as caught:
        check_graph(graph, "g")
    assert len(caught.value.details) == 10
    assert caught.value.details[-1] == "and 5 more"
