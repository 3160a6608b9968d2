# SPDX-License-Identifier: Apache-2.0
"""The predicted arena against figures measured on Arm builds of TFLM."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from reference_models import reference_model
from single_op import constant, graph_of, tensor
from tflm_graphs import one_op, opaque, quantized
from tflm_graphs import tensor as line

from sapmcu.frontends.tflite import load_tflite
from sapmcu.ir import ops
from sapmcu.ir.graph import Graph, Quantization
from sapmcu.ir.memory import Kernels
from sapmcu.ir.ops import Range
from sapmcu.ir.padding import VALID, same_padding
from sapmcu.plan.tflm import Target, predict_arena, target_for

FULL = Range(-128, 127)

# arena_used_bytes(), and the smallest arena (of multiples of 16) with which AllocateTensors succeeded, in emulated
# Cortex-M4F builds of tflite-micro 90b983c2 with GCC 12.2: reference kernels, then CMSIS-NN.
MODELS = {
    "mlperf_ic_resnet_quant.tflite": ((54_340, 54_352), (54_996, 55_008)),
    "mlperf_kws_ref_model.tflite": ((22_772, 22_784), (22_820, 22_832)),
    "tflm_person_detect.tflite": ((82_292, 82_304), (82_308, 82_320)),
    "tflm_micro_speech_quantized.tflite": ((6_788, 6_800), (6_836, 6_848)),
    "tflm_hello_world_int8.tflite": ((676, 1_072), (772, 1_168)),
}


@pytest.mark.parametrize("kernels", Kernels)
@pytest.mark.parametrize("name", MODELS)
def test_arena_of_a_reference_model_is_the_measured_one(name: str, kernels: Kernels) -> None:
    use = predict_arena(load_tflite(reference_model(name)), target_for(kernels))
    measured = MODELS[name][list(Kernels).index(kernels)]
    assert (use.used_bytes, use.required_bytes) == measured
    assert use.unknown_ops == ()


def per_channel(channels: int, axis: int = 0) -> Quantization:
    return Quantization((0.5,) * channels, (0,) * channels, axis)


def convolution(
    shape: tuple[int, ...], outputs: int, window: tuple[int, int], stride: int = 1, dilation: int = 1, depth: int = 0
) -> Graph:
    """SAME, per-channel filters, with bias. depth: of the filters, where it isn't the input's."""
    batch, height, width, channels = shape
    padding = same_padding((height, width), window, (stride, stride), (dilation, dilation))
    op = ops.Conv2D(("x", "filter", "bias"), ("y",), (stride, stride), padding, (dilation, dilation), FULL)
    return graph_of(
        op,
        tensor("x", shape),
        constant("filter", np.zeros((outputs, *window, depth or channels), np.int8), per_channel(outputs)),
        constant("bias", np.zeros(outputs, np.int32), per_channel(outputs)),
        tensor("y", (batch, -(-height // stride), -(-width // stride), outputs)),
    )


def depthwise(shape: tuple[int, ...], outputs: int, window: tuple[int, int], dilation: int = 1) -> Graph:
    batch, height, width, _ = shape
    padding = same_padding((height, width), window, (1, 1), (dilation, dilation))
    op = ops.DepthwiseConv2D(("x", "filter", "bias"), ("y",), (1, 1), padding, (dilation, dilation), FULL)
    return graph_of(
        op,
        tensor("x", shape),
        constant("filter", np.zeros((1, *window, outputs), np.int8), per_channel(outputs, 3)),
        constant("bias", np.zeros(outputs, np.int32), per_channel(outputs, 3)),
        tensor("y", (batch, height, width, outputs)),
    )


def transpose_convolution(channels: int, stride: int) -> Graph:
    """VALID, from 5×6 pixels to 4 channels with filters of 3×3."""
    size = (4 + 1) * stride + 3 - stride, (5 + 1) * stride + 3 - stride
    op = ops.TransposeConv2D(("shape", "filter", "x", "bias"), ("y",), (stride, stride), VALID, FULL)
    return graph_of(
        op,
        constant("shape", np.array([1, *size, 4], np.int32)),
        constant("filter", np.zeros((4, 3, 3, channels), np.int8), per_channel(4)),
        tensor("x", (1, 5, 6, channels)),
        constant("bias", np.zeros(4, np.int32), per_channel(4)),
        tensor("y", (1, *size, 4)),
    )


def fully_connected(rows: tuple[int, ...], quantization: Quantization) -> Graph:
    op = ops.FullyConnected(("x", "filter", "bias"), ("y",), FULL, keep_num_dims=len(rows) > 1)
    return graph_of(
        op,
        tensor("x", (*rows, 20)),
        constant("filter", np.zeros((10, 20), np.int8), quantization),
        constant("bias", np.zeros(10, np.int32), quantization),
        tensor("y", (*rows, 10)),
    )


def average_pool() -> Graph:
    op = ops.AveragePool2D(("x",), ("y",), (3, 3), (1, 1), VALID, FULL)
    return graph_of(op, tensor("x", (1, 7, 5, 3)), tensor("y", (1, 5, 3, 3)))


def batch_matmul(*, adjoint_y: bool) -> Graph:
    op = ops.BatchMatMul(("x", "x2"), ("y",), adjoint_x=False, adjoint_y=adjoint_y)
    right = (1, 5, 6) if adjoint_y else (1, 6, 5)
    return graph_of(op, tensor("x", (1, 4, 6)), tensor("x2", right), tensor("y", (1, 4, 5)))


# arena_used_bytes() of the same builds: reference kernels and CMSIS-NN on Cortex-M4; then CMSIS-NN with its
# buffer-size functions compiled for a core without DSP (Cortex-M3) and for one with MVE (Cortex-M55).
TARGETS = (
    target_for(Kernels.REFERENCE),
    target_for(Kernels.CMSIS_NN),
    target_for(Kernels.CMSIS_NN, dsp=False),
    target_for(Kernels.CMSIS_NN, mve=True),
)
SINGLE_OPS: Mapping[str, tuple[Graph, tuple[int, int, int, int]]] = {
    "conv 3x3": (convolution((1, 8, 8, 3), 8, (3, 3)), (1204, 1316, 1316, 1332)),
    "conv 1x1": (convolution((1, 6, 6, 16), 8, (1, 1)), (1364, 1364, 1364, 1364)),
    "conv 1xN": (convolution((1, 1, 20, 8), 4, (1, 5)), (708, 868, 868, 772)),
    "conv 1xN, stride 2": (convolution((1, 1, 21, 4), 4, (1, 4), stride=2), (612, 676, 676, 644)),
    "conv dilated": (convolution((1, 12, 12, 4), 8, (3, 3), dilation=2), (2228, 2372, 2372, 2420)),
    "conv of two groups": (convolution((1, 6, 6, 8), 8, (3, 3), depth=4), (1076, 1364, 1364, 1396)),
    "conv of a batch": (convolution((2, 8, 8, 3), 8, (3, 3)), (1908, 2020, 2020, 2036)),
    "depthwise 3x3": (depthwise((1, 8, 8, 6), 6, (3, 3)), (1268, 1268, 1268, 5732)),
    "depthwise 5x5": (depthwise((1, 8, 8, 6), 6, (5, 5)), (1268, 1572, 1268, 13668)),
    "depthwise, multiplier 2": (depthwise((1, 8, 8, 6), 12, (3, 3)), (1684, 1684, 1684, 1684)),
    "depthwise of one channel": (depthwise((1, 12, 12, 1), 16, (3, 3)), (3012, 3012, 3012, 3220)),
    "depthwise dilated": (depthwise((1, 12, 12, 6), 6, (3, 3), dilation=2), (2228, 2228, 2228, 2228)),
    "transposed conv of 32 channels": (transpose_convolution(32, 2), (4308, 4324, 4324, 4324)),
    "transposed conv, stride 3": (transpose_convolution(32, 3), (6852, 3396, 3396, 3396)),
    "fully connected": (fully_connected((1,), Quantization((0.25,), (0,))), (452, 484, 484, 532)),
    "fully connected per channel": (fully_connected((1,), per_channel(10)), (548, 580, 580, 628)),
    "fully connected, three axes": (fully_connected((1, 7), Quantization((0.25,), (0,))), (628, 740, 740, 740)),
    "average pool": (average_pool(), (564, 580, 564, 564)),
    "batch matmul": (batch_matmul(adjoint_y=False), (612, 628, 628, 660)),
    "batch matmul, y adjoint": (batch_matmul(adjoint_y=True), (548, 564, 564, 596)),
}


@pytest.mark.parametrize(("column", "target"), list(enumerate(TARGETS)), ids=("reference", "M4", "M3", "M55"))
@pytest.mark.parametrize("what", SINGLE_OPS)
def test_arena_of_one_op_is_the_measured_one(what: str, column: int, target: Target) -> None:
    graph, measured = SINGLE_OPS[what]
    assert predict_arena(graph, target).used_bytes == measured[column]


def test_recurrent_op_takes_its_scratch_from_its_options() -> None:
    graph = one_op(
        opaque("x, feature, time, bias, state", "SVDF", "SVDFOptions", "('rank', 2),"),
        line("x", "3,4"),
        quantized("feature", "4,2", "1 2 3 4 5 6 7 8"),
        quantized("time", "4,2", "1 2 3 4 5 6 7 8"),
        "const bias [2] int32 = 1 2",
        "variable state [3,8] int8 (0.25, 0)",
        line("y", "3,2"),
    )
    assert predict_arena(graph, target_for(Kernels.REFERENCE)).scratch_requests == {0: (4 * 3 * 4, 4 * 3 * 2)}
