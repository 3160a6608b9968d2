# SPDX-License-Identifier: Apache-2.0
"""Channels that are constant or unread go where that is exact, and stay where it isn't."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from reference_models import reference_model

from sapmcu.emit.tflite import write_tflite
from sapmcu.frontends.tflite import load_tflite
from sapmcu.ir.check import verify_graph
from sapmcu.ir.graph import Graph
from sapmcu.ir.ops import Conv2D, FullyConnected
from sapmcu.ir.text import parse_text
from sapmcu.passes.dead_channels import drop_dead_channels
from sapmcu.passes.dead_channels.spans import channel_spans
from sapmcu.reference import run_graph

HEAD = """
graph net ""
tensor x [1,3,3,2] int8 (0.5, -3)
const f [3,1,1,2] int8 (0.25, 0) = 1 -2 0 0 3 4
const b [3] int32 (0.125, 0) = 10 {bias} -10
tensor a [1,3,3,3] int8 (0.5, {zero_point})
tensor y [1,3,3,2] int8 (0.5, 0)
input x
"""
CONV_A = "a = Conv2D(x, f, b, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), activation=-128..127)\n"


def net(text: str, bias: int = 40, zero_point: int = 4) -> Graph:
    """a's channel 1 has a filter of zeros: it is always zero_point + bias / 4."""
    graph = parse_text(HEAD.format(bias=bias, zero_point=zero_point) + text)
    verify_graph(graph)
    return graph


def assert_same_bytes(before: Graph, after: Graph) -> None:
    verify_graph(after)
    random = np.random.default_rng(0)
    for _ in range(5):
        inputs = [random.integers(-128, 128, before.tensors[name].shape, np.int8) for name in before.inputs]
        expected, got = run_graph(before, inputs), run_graph(after, inputs)
        for name in before.outputs:
            np.testing.assert_array_equal(expected[name], got[name])


def dropped(graph: Graph) -> dict[str, int]:
    """Tensor -> channels that went, after checking that nothing changed."""
    after = drop_dead_channels(graph)
    assert_same_bytes(graph, after)
    return {
        name: graph.tensors[name].shape[-1] - one.shape[-1]
        for name, one in after.tensors.items()
        if name in graph.tensors and not one.is_constant and one.shape != graph.tensors[name].shape
    }


POINTWISE = f"""
const g [2,1,1,3] int8 (0.25, 0) = 1 2 3 4 5 6
output y
{CONV_A}
y = Conv2D(a, g, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), activation=-128..127)
"""


def test_a_constant_goes_into_the_bias_of_what_reads_it() -> None:
    graph = net(POINTWISE)
    after = drop_dead_channels(graph)
    assert dropped(graph) == {"a": 1}
    last = after.ops[-1]
    assert isinstance(last, Conv2D)
    assert after.tensors[str(last.inputs[2])].value.tolist() == [10 * 2, 10 * 5]  # 40 · 0.125 / 0.5 steps from zero
    assert after.tensors["f"].value.ravel().tolist() == [1, -2, 3, 4]
    assert after.tensors["g"].value.ravel().tolist() == [1, 3, 4, 6]


def test_a_channel_at_its_zero_point_needs_no_bias() -> None:
    graph = net(POINTWISE, bias=0)
    after = drop_dead_channels(graph)
    assert dropped(graph) == {"a": 1}
    assert len(after.ops[-1].inputs) == 2


def test_a_sum_that_saturates_for_every_input_is_a_constant() -> None:
    graph = net(POINTWISE.replace("const g", "const unused [1] int8 (1.0, 0) = 0\nconst g"), bias=-10_000_000)
    wide = graph.tensors["f"].value.copy()
    wide[1] = [3, -3]
    tensors = {**graph.tensors, "f": dataclasses.replace(graph.tensors["f"], data=wide.tobytes())}
    graph = dataclasses.replace(graph, tensors=tensors)
    assert channel_spans(graph)["a"].high[1] == -128
    assert dropped(graph) == {"a": 1}


PADDED = f"""
const g [2,3,3,3] int8 (0.001, 0) = {" ".join(map(str, range(1, 55)))}
output y
{CONV_A}
y = Conv2D(a, g, stride=(1, 1), padding=((1, 1), (1, 1)), dilation=(1, 1), activation=-128..127)
"""


def test_a_constant_stays_before_padding_unless_it_is_what_padding_counts_as() -> None:
    assert dropped(net(PADDED, bias=40)) == {}
    assert dropped(net(PADDED, bias=0)) == {"a": 1}


def test_a_channel_that_every_filter_skips_goes_although_it_varies() -> None:
    text = POINTWISE.replace("1 2 3 4 5 6", "1 2 0 4 5 0")
    assert dropped(net(text)) == {"a": 2}


def test_a_bias_that_32_bits_do_not_hold_keeps_the_channel() -> None:
    text = POINTWISE.replace("output y", "const h [2] int32 (0.125, 0) = 2147483647 0\noutput y")
    text = text.replace("Conv2D(a, g,", "Conv2D(a, g, h,")
    graph = net(text)
    assert drop_dead_channels(graph) is graph


DEPTHWISE = f"""
const d [1,3,3,3] int8 (0.01, 0) = {" ".join(map(str, range(1, 28)))}
const e [3] int32 (0.005, 0) = 1 {{bias}} 3
tensor t [1,{{size}},{{size}},3] int8 (0.5, 4)
tensor z [1,{{size}},{{size}},2] int8 (0.5, 0)
const g [2,1,1,3] int8 (0.25, 0) = 1 2 3 4 5 6
output z
{CONV_A}
t = DepthwiseConv2D(a, d, e, stride=(1, 1), padding={{pad}}, dilation=(1, 1), activation=-128..127)
z = Conv2D(t, g, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), activation=-128..127)
"""


def test_a_constant_passes_a_depthwise_convolution_where_its_border_is_like_its_middle() -> None:
    padded = DEPTHWISE.format(bias=7, size=3, pad="((1, 1), (1, 1))")
    assert dropped(net(padded, bias=40)) == {}
    assert dropped(net(padded, bias=0)) == {"a": 1, "t": 1}
    valid = DEPTHWISE.format(bias=7, size=1, pad="((0, 0), (0, 0))")
    assert dropped(net(valid, bias=40)) == {"a": 1, "t": 1}


def test_a_dead_depthwise_filter_takes_the_channel_that_it_reads_along() -> None:
    graph = net(DEPTHWISE.format(bias=7, size=3, pad="((1, 1), (1, 1))"), bias=40)
    taps = graph.tensors["d"].value.copy()
    taps[..., 0] = 0
    tensors = {**graph.tensors, "d": dataclasses.replace(graph.tensors["d"], data=taps.tobytes())}
    assert dropped(dataclasses.replace(graph, tensors=tensors)) == {"a": 1, "t": 1}


def test_what_one_round_leaves_the_next_one_takes() -> None:
    """Both channels of a are dead, one stays; only then the two that t makes of it are free of each other."""
    text = f"""
const d [1,1,1,6] int8 (0.01, 0) = 0 0 0 0 0 0
const e [6] int32 (0.005, 0) = 1 2 3 4 5 6
tensor t [1,3,3,6] int8 (0.5, 4)
tensor z [1,3,3,1] int8 (0.5, 0)
const g [1,1,1,6] int8 (0.25, 0) = 1 2 3 4 5 6
output z
{CONV_A}
t = DepthwiseConv2D(a, d, e, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), activation=-128..127)
z = Conv2D(t, g, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), activation=-128..127)
"""
    assert dropped(net(text)) == {"a": 2, "t": 5}


RESIDUAL = f"""
const h [3,1,1,2] int8 (0.25, 0) = 5 6 {{middle}} 7 8
tensor s [1,3,3,3] int8 (0.25, 1)
tensor t [1,3,3,3] int8 (0.5, 2)
const g [2,1,1,3] int8 (0.25, 0) = 1 2 3 4 5 6
output y
{CONV_A}
s = Conv2D(x, h, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), activation=-128..127)
t = Add(a, s, activation=-128..127)
y = Conv2D(t, g, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), activation=-128..127)
"""


def test_a_sum_loses_a_channel_that_is_constant_on_both_sides() -> None:
    assert dropped(net(RESIDUAL.format(middle="0 0"))) == {"a": 1, "s": 1, "t": 1}
    assert dropped(net(RESIDUAL.format(middle="1 0"))) == {}


@pytest.mark.parametrize(
    "reader",
    [
        "y = Softmax(a, beta=1.0)",
        "y = Opaque(a, code='ELU', version=1, custom_code='', options_type='', options=(), custom_options=b'', "
        "intermediates=())",
    ],
)
def test_readers_that_need_all_channels_keep_them(reader: str) -> None:
    text = HEAD.format(bias=40, zero_point=4).replace(
        "tensor y [1,3,3,2] int8 (0.5, 0)", "tensor y [1,3,3,3] int8 (0.00390625, -128)"
    )
    graph = parse_text(f"{text}output y\n{CONV_A}{reader}\n")
    verify_graph(graph)
    assert drop_dead_channels(graph) is graph


def test_outputs_of_the_graph_keep_their_channels() -> None:
    graph = net(POINTWISE.replace("output y", "output y, a"))
    assert drop_dead_channels(graph) is graph


def test_a_tensor_whose_channels_are_all_dead_keeps_one() -> None:
    graph = net(POINTWISE)
    filters = graph.tensors["f"]
    tensors = {**graph.tensors, "f": dataclasses.replace(filters, data=bytes(filters.size_bytes))}
    assert dropped(dataclasses.replace(graph, tensors=tensors)) == {"a": 2}


def test_filters_that_another_op_shares_stay_for_it() -> None:
    shared = POINTWISE.replace("output y", "tensor w [1,3,3,3] int8 (0.5, 0)\noutput y, w") + (
        "w = Conv2D(x, f, b, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), activation=-128..127)\n"
    )
    graph = net(shared)
    assert dropped(graph) == {"a": 1}
    assert drop_dead_channels(graph).tensors["f"] == graph.tensors["f"]


FLAT = f"""
tensor r [1,27] int8 (0.5, 4)
const shape [2] int32 = 1 27
const k [1,27] int8 (0.25, 0) = {" ".join(map(str, range(1, 28)))}
tensor z [1,1] int8 (0.5, 0)
output z
{CONV_A}
r = Reshape(a, shape)
z = FullyConnected(r, k, activation=-128..127, keep_num_dims=False)
"""


def test_flattening_loses_the_channel_of_every_pixel() -> None:
    graph = net(FLAT)
    assert dropped(graph) == {"a": 1, "r": 9}
    assert drop_dead_channels(graph).tensors["shape"].value.tolist() == [1, 18]


def test_person_detect_has_a_dead_channel_at_its_widest() -> None:
    graph = load_tflite(reference_model("tflm_person_detect.tflite"))
    after = drop_dead_channels(graph, multiple=1)
    widths = [(graph.tensors[op.name].shape[-1], after.tensors[op.name].shape[-1]) for op in after.ops]
    assert [pair for pair in widths if pair[0] != pair[1]] == [(8, 7), (8, 7), (256, 255), (256, 255)]


def test_channels_that_kernels_take_four_at_a_time_stay_a_multiple_of_four() -> None:
    graph = load_tflite(reference_model("tflm_person_detect.tflite"))
    assert drop_dead_channels(graph) is graph


def test_hello_world_loses_a_quarter_of_its_first_layer() -> None:
    graph = load_tflite(reference_model("tflm_hello_world_int8.tflite"))
    after = drop_dead_channels(graph)
    assert isinstance(after.ops[0], FullyConnected)
    assert after.tensors[after.ops[0].name].shape == (1, 12)
    assert len(write_tflite(after)) < len(write_tflite(graph))
