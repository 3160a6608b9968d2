# SPDX-License-Identifier: Apache-2.0
"""The tables of a converted detector -> C data for firmware/apps/detector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sapmcu.emit.c_source import c_comment, c_list, wrapped
from sapmcu.emit.native import c_identifier
from sapmcu.emit.origin import Origin, block_comment
from sapmcu.errors import UserError
from sapmcu.firmware_files import firmware_file
from sapmcu.ir.detection import CENTRE_VARIANCE, SIZE_VARIANCE, DecoderOptions
from sapmcu.ir.graph import Array, DType, Graph, Tensor

BOX_UNIT = 1 << 14
"""SAPMCU_BOX_UNIT of detect.h."""
TABLE_UNIT = 1 << 12
"""Of the tables `move` and `grow`."""
MAX_CLASSES = 255
APP_FILES = ("detect.h", "sapmcu_detect.c")
"""Of firmware/apps/detector, to be built with what is emitted."""


@dataclass(frozen=True, slots=True)
class DetectorTables:
    """The fields of sapmcu_detector_params. anchors: [anchors,4] in BOX_UNIT; the tables of 256 begin at code -128."""

    classes: int
    anchors: Array
    score: Array
    move: Array
    grow: Array
    max_iou: int
    min_code: int


def detector_tables(graph: Graph, anchors: Array, options: DecoderOptions) -> DetectorTables:
    """The tables of an int8 detector: output 0 codes [1,A,4], output 1 scores [1,A,classes], logits.

    anchors: float [A,4], as sapmcu.ir.detection says. Raises: UserError.
    """
    codes, scores = _outputs(graph, anchors, options)
    step = np.arange(-128, 128)
    code = (step - codes.zero_point) * codes.scale
    logit = (step - scores.zero_point) * scores.scale
    probability = 0.5 * (1 + np.tanh(0.5 * logit))
    is_found = probability >= options.min_score
    return DetectorTables(
        classes=scores.shape[-1],
        anchors=np.rint(anchors.astype(np.float64) * BOX_UNIT).astype(int),
        score=np.rint(probability * 65536).clip(0, 65535).astype(int),
        move=np.rint(code * CENTRE_VARIANCE * TABLE_UNIT).clip(-32767, 32767).astype(int),
        grow=np.rint(np.exp((code * SIZE_VARIANCE).clip(None, 5)) * TABLE_UNIT).clip(0, 65535).astype(int),
        max_iou=round(options.max_iou * 65536),
        min_code=int(is_found.argmax()) - 128 if is_found.any() else 128,
    )


def emit_detector(graph: Graph, anchors: Array, options: DecoderOptions, origin: Origin) -> dict[str, bytes]:
    """sapmcu_<model>_detector.h and .c, and the decoder that they are for: file name -> bytes. Raises: UserError."""
    model, tables = c_identifier(graph.name), detector_tables(graph, anchors, options)
    title = block_comment((f"The decoder of {c_comment(graph.name)}'s boxes.", *origin.lines))
    files = {
        f"sapmcu_{model}_detector.h": [*title, *_header(model, options)],
        f"sapmcu_{model}_detector.c": [*title, *_source(model, tables, options)],
    }
    made = {name: ("\n".join(lines) + "\n").encode("ascii") for name, lines in files.items()}
    return {**made, **{name: firmware_file(f"apps/detector/{name}") for name in APP_FILES}}


def _outputs(graph: Graph, anchors: Array, options: DecoderOptions) -> tuple[Tensor, Tensor]:
    """Codes and scores. Raises: UserError where graph, anchors and options don't fit together."""
    outputs = [graph.tensors[name] for name in graph.outputs]
    shapes = ", ".join(f"{one.dtype} {list(one.shape)}" for one in outputs)
    if len(outputs) != 2 or any(one.dtype is not DType.INT8 or len(one.shape) != 3 for one in outputs):
        raise UserError(
            f"{graph.name} is no detector: its outputs are {shapes}",
            hint="a detector gives int8 box codes [1,anchors,4] and scores [1,anchors,classes], as ssdlite does",
        )
    codes, scores = outputs
    count = codes.shape[1]
    problems: Sequence[tuple[bool, str]] = (
        (
            codes.shape == (1, count, 4) and scores.shape[:2] == (1, count),
            f"its outputs are {shapes}, not box codes [1,anchors,4] and scores [1,anchors,classes]",
        ),
        (scores.shape[2] <= MAX_CLASSES, f"it has {scores.shape[2]} classes; the decoder takes up to {MAX_CLASSES}"),
        (anchors.shape == (count, 4), f"it has {count} anchors, but the table of anchors is {list(anchors.shape)}"),
        (_are_anchors(anchors), "its anchors aren't centres in 0..1 and sizes above 0 and below 2"),
        (0 < options.min_score < 1, f"the least score {options.min_score} is not between 0 and 1"),
        (0 < options.max_iou <= 1, f"the largest overlap {options.max_iou} is not above 0 and at most 1"),
        (1 <= options.max_boxes <= 1000, f"{options.max_boxes} boxes are not between 1 and 1000"),
    )
    wrong = [text for is_right, text in problems if not is_right]
    if wrong:
        raise UserError(
            f"{graph.name}: {wrong[0]}",
            hint="give the anchors of this model: load_anchors(NETWORK)(model)",
            details=wrong[1:],
        )
    return codes, scores


def _are_anchors(anchors: Array) -> bool:
    if anchors.ndim != 2 or anchors.shape[1] != 4 or not np.isfinite(anchors).all():
        return False
    centres, sizes = anchors[:, :2], anchors[:, 2:]
    return bool((centres >= 0).all() and (centres <= 1).all() and (sizes > 0).all() and (sizes < 1.9999).all())


def _header(model: str, options: DecoderOptions) -> Iterator[str]:
    guard = f"SAPMCU_GENERATED_{model.upper()}_DETECTOR_H"
    yield from (f"#ifndef {guard}", f"#define {guard}", "", '#include "detect.h"', "")
    yield "/* Room for this many boxes is the `capacity` that the options ask for. */"
    yield f"#define SAPMCU_{model.upper()}_MAX_BOXES {options.max_boxes}"
    yield from ("", "#ifdef __cplusplus", 'extern "C" {', "#endif", "")
    yield f"extern const sapmcu_detector_params sapmcu_{model}_detector;"
    yield from ("", "#ifdef __cplusplus", "}", "#endif", "", "#endif")


def _source(model: str, tables: DetectorTables, options: DecoderOptions) -> Iterator[str]:
    yield f'#include "sapmcu_{model}_detector.h"'
    rows = [c_list(map(str, row)) for row in tables.anchors.tolist()]
    yield from _array("sapmcu_anchor", "anchors", rows)
    for c_type, name, values in (
        ("uint16_t", "score", tables.score),
        ("int16_t", "move", tables.move),
        ("uint16_t", "grow", tables.grow),
    ):
        yield from _array(c_type, name, list(map(str, values.tolist())))
    yield ""
    yield f"/* Scores of {options.min_score} and more; overlaps up to {options.max_iou}. */"
    fields = (
        f".anchor_count = {len(tables.anchors)}",
        f".class_count = {tables.classes}",
        *(f".{name} = {name}" for name in ("anchors", "score", "move", "grow")),
        f".max_iou = {tables.max_iou}",
        f".min_code = {tables.min_code}",
    )
    yield f"const sapmcu_detector_params sapmcu_{model}_detector = {{"
    yield from (f"    {field}," for field in fields)
    yield "};"


def _array(c_type: str, name: str, items: Sequence[str]) -> Iterator[str]:
    yield ""
    yield from wrapped(f"static const {c_type} {name}[{len(items)}] = {{", items, "};")
