# SPDX-License-Identifier: Apache-2.0
"""Places in the arena: aliases, results over operands that die, and a checker that trusts none of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from native_data.small_net import small_net
from reference_models import ROOT

from sapmcu.frontends.tflite import load_tflite
from sapmcu.ir.graph import Graph
from sapmcu.ir.native import ArenaPlan, NativeProgram, Scratch
from sapmcu.ir.text import parse_text
from sapmcu.ir.twins import Twins
from sapmcu.lower import lower_graph
from sapmcu.pipeline import native_graph
from sapmcu.plan.native import plan_arena, verify_plan

CHAIN = """
graph chain "two functions of one number, and a reshape between"
tensor x [1,64] int8 (0.5, 0)
const shape [1] int32 = 64
tensor a [1,64] int8 (0.5, 0)
tensor b [64] int8 (0.5, 0)
tensor c [64] int8 (0.25, 0)
tensor y [64] int8 (0.5, 0)
input x
output y
a = Relu(x)
b = Reshape(a, shape)
c = Relu(b)
y = Add(b, c, activation=-128..127)
"""


def chain() -> Graph:
    return parse_text(CHAIN)


def with_offsets(program: NativeProgram, **offsets: int) -> ArenaPlan:
    return replace(program.plan, offset_bytes={**program.plan.offset_bytes, **offsets})


def test_functions_overwrite_operands_that_die() -> None:
    """a over x, b is a, c must wait for y's reading of b, y over one of them."""
    plan = lower_graph(chain()).plan
    offsets = plan.offset_bytes
    assert offsets["a"] == offsets["x"] == offsets["b"]
    assert offsets["c"] != offsets["b"]
    assert offsets["y"] in (offsets["b"], offsets["c"])
    assert plan.arena_bytes == 128
    assert plan.aliases == {"a": "x", "b": "x", "y": "x"}


def test_output_is_not_overwritten() -> None:
    graph = replace(chain(), outputs=("a", "y"))
    offsets = lower_graph(graph).plan.offset_bytes
    assert offsets["a"] not in (offsets["c"], offsets["y"])


def test_kept_tensors_share_with_none_but_their_aliases() -> None:
    graph = small_net()
    offsets = dict(lower_graph(graph, is_each_kept=True).plan.offset_bytes)
    assert offsets.pop("i") == offsets["h"]
    ends = sorted((offset, offset + graph.tensors[name].size_bytes) for name, offset in offsets.items())
    assert all(end <= start for (_, end), (start, _) in pairwise(ends))


@pytest.mark.parametrize(
    ("offsets", "sentence"),
    [
        ({"c": 0}, "add: .*b is overwritten"),
        ({"c": 8}, "c overwrites b"),
        ({"y": 24}, "y overwrites [bc]"),
        ({"b": 64, "c": 0}, "b isn't a"),
        ({"a": 64, "b": 64, "c": 64}, "add: .*b is overwritten"),
        ({"c": 68}, "c"),
        ({"c": 128}, "c"),
        ({"x": -8}, "x"),
    ],
)
def test_checker_finds_a_wrong_place(offsets: dict[str, int], sentence: str) -> None:
    graph, program = chain(), lower_graph(chain())
    with pytest.raises(AssertionError, match=sentence):
        verify_plan(graph, program.steps, with_offsets(program, **offsets))


SHORTCUT = """
graph shortcut "x is read twice"
tensor x [64] int8 (0.5, 0)
tensor a [64] int8 (0.5, 0)
tensor y [64] int8 (0.5, 0)
input x
output y
a = Relu(x)
y = Add(a, x, activation=-128..127)
"""


def test_operand_that_is_read_again_is_not_overwritten() -> None:
    graph = parse_text(SHORTCUT)
    program = lower_graph(graph)
    assert program.plan.offset_bytes["a"] != program.plan.offset_bytes["x"]
    with pytest.raises(AssertionError, match=r"add: .* x is overwritten"):
        verify_plan(graph, program.steps, with_offsets(program, a=program.plan.offset_bytes["x"]))


def test_scratch_has_a_place_apart_from_what_lives() -> None:
    graph, program = chain(), lower_graph(chain())
    relu = program.steps[2]
    (call,) = relu.lowered.calls
    greedy = replace(call, arguments=(*call.arguments, Scratch(100)))
    steps = tuple(
        replace(step, lowered=replace(step.lowered, calls=(greedy,))) if step is relu else step
        for step in program.steps
    )
    plan = plan_arena(graph, steps)
    assert plan.arena_bytes == 64 + 64 + 104
    assert plan.scratch_offset_bytes[2] not in (plan.offset_bytes["b"], plan.offset_bytes["c"])
    moved = replace(plan, scratch_offset_bytes={2: plan.offset_bytes["b"]})
    with pytest.raises(AssertionError, match="scratch"):
        verify_plan(graph, steps, moved)


def test_a_result_over_a_larger_operand_never_costs_memory() -> None:
    """The packed 1×1 convolution behind the first depthwise one may run in place, but its result lives long."""
    graph = native_graph(load_tflite(ROOT / "models/fashion_scenes/mobilenet_v2_sap.tflite"))[0]
    arenas = {twins: lower_graph(graph, twins=twins).plan.arena_bytes for twins in (Twins.NONE, Twins.DSP)}
    assert arenas[Twins.DSP] <= arenas[Twins.NONE]
