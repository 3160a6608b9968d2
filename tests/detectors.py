# SPDX-License-Identifier: Apache-2.0
"""Detectors without training: graphs of their outputs alone, and a small network whose filters are random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sapmcu.ir.detection import DecoderOptions
from sapmcu.ir.graph import Array, DType, Graph, Quantization, Tensor
from sapmcu.ir.text import parse_text
from sapmcu.train.detection.anchors import AnchorShape, anchor_table
from sapmcu.train.detection.boxes import pairwise_iou
from sapmcu.train.detection.decoder import find_boxes

SHAPES = (AnchorShape(0.3), AnchorShape(0.5, 2.0))
ANCHORS = anchor_table([(4, 4), (2, 2)], [SHAPES, (AnchorShape(0.9, 0.5),)])
"""36 of them."""


def outputs_only(classes: int, codes: tuple[float, int], scores: tuple[float, int], anchors: int = 36) -> Graph:
    """A graph `net` without ops. codes, scores: scale and zero point."""
    tensors = {
        name: Tensor(name, (1, anchors, each), DType.INT8, Quantization((scale,), (zero_point,)))
        for name, each, (scale, zero_point) in (("codes", 4, codes), ("scores", classes, scores))
    }
    return Graph("net", tensors, (), tuple(tensors), tuple(tensors))


def ssdlite_graph() -> Graph:
    """8×8×3 -> 32 anchors of two shapes in 4×4 places, 3 classes; named ssdlite, as the application has it."""
    rng = np.random.default_rng(0)

    def numbers(count: int, low: int, high: int) -> str:
        return " ".join(map(str, rng.integers(low, high, count)))

    return parse_text(f"""
graph ssdlite "a map, two heads"
tensor image [1,8,8,3] int8 (0.00392157, -128)
const f0 [8,3,3,3] int8 axis 0 {"(0.01, 0) " * 8}= {numbers(216, -100, 100)}
const b0 [8] int32 axis 0 {"(0.0000392157, 0) " * 8}= {"0 " * 8}
const f1 [8,1,1,8] int8 axis 0 {"(0.02, 0) " * 8}= {numbers(64, -100, 100)}
const b1 [8] int32 axis 0 {"(0.0006, 0) " * 8}= {"0 " * 8}
const f2 [6,1,1,8] int8 axis 0 {"(0.02, 0) " * 6}= {numbers(48, -100, 100)}
const b2 [6] int32 axis 0 {"(0.0006, 0) " * 6}= {"0 " * 6}
const code_shape [3] int32 = 1 32 4
const score_shape [3] int32 = 1 32 3
tensor map [1,4,4,8] int8 (0.03, -128)
tensor code_map [1,4,4,8] int8 (0.06, 3)
tensor score_map [1,4,4,6] int8 (0.05, 10)
tensor codes [1,32,4] int8 (0.06, 3)
tensor scores [1,32,3] int8 (0.05, 10)
input image
output codes scores
map = Conv2D(image, f0, b0, stride=(2, 2), padding=((0, 1), (0, 1)), dilation=(1, 1), activation=-128..127)
code_map = Conv2D(map, f1, b1, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), activation=-128..127)
score_map = Conv2D(map, f2, b2, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), activation=-128..127)
codes = Reshape(code_map, code_shape)
scores = Reshape(score_map, score_shape)
""")


SSDLITE_ANCHORS = anchor_table([(4, 4)], [SHAPES])


def expected_boxes(graph: Graph, codes: Array, scores: Array, anchors: Array, options: DecoderOptions) -> Array:
    """What numpy finds in int8 outputs: [found,6], relative to the image."""
    real = [
        (one.astype(np.float64) - tensor.zero_point) * tensor.scale
        for one, tensor in zip((codes, scores), (graph.tensors[name] for name in graph.outputs), strict=True)
    ]
    return find_boxes(*real, anchors, options)


def is_clear(graph: Graph, codes: Array, scores: Array, anchors: Array, options: DecoderOptions) -> bool:
    """Whether no two boxes that might be found overlap by so nearly max_iou that rounding decides."""
    chosen = expected_boxes(graph, codes, scores, anchors, replace(options, max_iou=1.0))
    is_other_pair = (chosen[:, None, 4] == chosen[None, :, 4]) & ~np.eye(len(chosen), dtype=bool)
    overlaps = pairwise_iou(chosen[:, :4], chosen[:, :4])[is_other_pair]
    return options.max_iou == 1 or bool((np.abs(overlaps - options.max_iou) > 0.01).all())


def random_outputs(classes: int, anchors: int, count: int, seed: int) -> Sequence[tuple[Array, Array]]:
    """Codes around 0, some at both ends; scores of which most are low."""
    rng, cases = np.random.default_rng(seed), []
    for _ in range(count):
        codes = rng.normal(0, rng.choice([2, 20, 80]), (anchors, 4)).round().clip(-128, 127).astype(np.int8)
        scores = rng.normal(-60, 50, (anchors, classes)).round().clip(-128, 127).astype(np.int8)
        cases.append((codes, scores))
    return cases
