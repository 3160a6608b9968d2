# SPDX-License-Identifier: Apache-2.0
"""What the custom op TFLite_Detection_PostProcess asks for. Its options are a flexbuffer that nobody has checked.

Source: tflite-micro 90b983c2, micro/kernels/detection_postprocess.cc.
"""

from __future__ import annotations

import struct
from typing import Any

from sapmcu.ir.ops import Opaque
from sapmcu.plan.tflm.node import Node, Requests, Scratch, UnknownAllocationError, axes, integer
from sapmcu.plan.tflm.target import Target

FLOAT_BYTES = 4
BOX_BYTES = 16
"""Centre and size of a box, four floats."""


def detection_postprocess(node: Node, target: Target) -> Requests:
    yield from node.temporaries("i0", "i1", "i2")
    _, boxes, _ = axes(node.operand(0), 3)
    _, rows, classes = axes(node.operand(1), 3)
    detections, kept_classes = _options(node, "max_detections", "num_classes")
    yield Scratch(boxes)
    yield Scratch(BOX_BYTES * boxes)
    yield Scratch(FLOAT_BYTES * rows * classes)
    for count in (
        boxes,
        boxes,
        detections * boxes,
        detections * boxes,
        boxes,
        detections * boxes,
        max(kept_classes, detections) * boxes,
        min(boxes, detections) * boxes,
    ):
        yield Scratch(FLOAT_BYTES * count)


def _options(node: Node, *names: str) -> tuple[int, ...]:
    """The numbers of these names, looked up one by one: unpacking a hostile map whole may never end."""
    from flatbuffers import flexbuffers

    if not isinstance(node.op, Opaque):
        raise UnknownAllocationError
    try:
        options: Any = flexbuffers.GetRoot(bytearray(node.op.custom_options)).AsMap
        numbers = tuple(integer(options[name].AsInt) for name in names)
    except (struct.error, IndexError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
        raise UnknownAllocationError from None
    if min(numbers) < 0:
        raise UnknownAllocationError
    return numbers
