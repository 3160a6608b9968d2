# SPDX-License-Identifier: Apache-2.0
"""Any model file -> Source: which format it is, and its conversion to a .tflite."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from sapmcu import isolated
from sapmcu.errors import UserError
from sapmcu.frontends.converted import Converted
from sapmcu.frontends.tflite import load_tflite, read_tflite
from sapmcu.ir.graph import DType, Graph
from sapmcu.ir.source import ModelFormat, ModelInput, Source
from sapmcu.isolated import Progress, silent

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
ZIP_MAGIC = b"PK\x03\x04"
TFLITE_MAGIC = b"TFL3"  # at byte 4

SUFFIXES: Mapping[str, ModelFormat] = {
    ".h5": ModelFormat.KERAS_H5,
    ".hdf5": ModelFormat.KERAS_H5,
    ".keras": ModelFormat.KERAS,
    ".onnx": ModelFormat.ONNX,
    ".tflite": ModelFormat.TFLITE,
}
TASKS: Mapping[ModelFormat, str] = {
    ModelFormat.KERAS_H5: "sapmcu.frontends.keras:convert_keras",
    ModelFormat.KERAS: "sapmcu.frontends.keras:convert_keras",
    ModelFormat.SAVED_MODEL: "sapmcu.frontends.saved_model:convert_saved_model",
    ModelFormat.ONNX: "sapmcu.frontends.onnx:convert_onnx",
}
CONTENT: Mapping[ModelFormat, str] = {
    ModelFormat.KERAS_H5: "an HDF5 file",
    ModelFormat.KERAS: "a .keras archive",
    ModelFormat.TFLITE: "a TFLite file",
}
EXPORT_HINTS: Mapping[str, str] = {
    ".pt": "export it from PyTorch: torch.onnx.export(model, inputs, 'model.onnx')",
    ".pth": "export it from PyTorch: torch.onnx.export(model, inputs, 'model.onnx')",
    ".pb": "give the SavedModel directory that holds it",
}
KNOWN_HINT = "give a .h5, .keras, .onnx or .tflite file, or a SavedModel directory"


def load_source(path: Path, *, progress: Progress = silent) -> Source:
    """Read a model file and convert it to a float .tflite, unless it is a .tflite.

    Raises: UserError where the file is none, is damaged or can't be converted; ToolError where an extra is missing.
    """
    model_format = detect_format(path)
    if model_format is ModelFormat.TFLITE:
        graph = load_tflite(path)
        return Source(path, model_format, graph.description or "TFLite", path.read_bytes(), graph, model_inputs(graph))
    converted = cast(Converted, isolated.call(TASKS[model_format], str(path), progress=progress))
    graph = read_tflite(converted.tflite, path.stem, str(path))
    inputs = model_inputs(graph, converted.channels_moved)
    return Source(path, model_format, converted.producer, converted.tflite, graph, inputs, converted.layers)


def detect_format(path: Path) -> ModelFormat:
    """By content where it tells, else by the file's name.

    Raises: UserError where neither gives a format, or they contradict each other.
    """
    if path.is_dir():
        if (path / "saved_model.pb").is_file():
            return ModelFormat.SAVED_MODEL
        raise UserError(f"{path} is a directory without saved_model.pb", hint=KNOWN_HINT)
    head = _head(path)
    suffix = path.suffix.lower()
    by_name = SUFFIXES.get(suffix)
    if suffix in EXPORT_HINTS:  # PyTorch's files are zip archives, as .keras
        raise UserError(f"{path} is of no format that sapmcu reads", hint=EXPORT_HINTS[suffix])
    by_content = _by_content(head)
    is_old_keras = (by_name, by_content) == (ModelFormat.KERAS, ModelFormat.KERAS_H5)  # Keras 2 wrote such files
    if by_content is not None and (by_name in (None, by_content) or is_old_keras):
        return by_content
    if by_name is None:
        raise UserError(f"{path} is of no format that sapmcu reads", hint=KNOWN_HINT)
    if by_content is not None or by_name in CONTENT:
        wrong = f"it looks like {CONTENT[by_content]}" if by_content else f"it starts with {head!r}"
        raise UserError(
            f"{path} is not {CONTENT.get(by_name, 'an ONNX model')}: {wrong}",
            hint="check that the file was copied whole, and that its name ends as its content says",
        )
    return by_name


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist", hint="check the path") from None
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}", hint="check the path") from error
    if not head:
        raise UserError(f"{path} is empty", hint="copy or export the model again")
    return head


def _by_content(head: bytes) -> ModelFormat | None:
    if head == HDF5_MAGIC:
        return ModelFormat.KERAS_H5
    if head.startswith(ZIP_MAGIC):
        return ModelFormat.KERAS
    if head[4:8] == TFLITE_MAGIC:
        return ModelFormat.TFLITE
    return None


def model_inputs(graph: Graph, channels_moved: tuple[int, ...] = ()) -> tuple[ModelInput, ...]:
    """Inputs under the names that users know: the signature's, where the file has one."""
    public = {tensor: name for signature in graph.signatures[:1] for name, tensor in signature.inputs}
    inputs = []
    for name in graph.inputs:
        tensor = graph.tensors[name]
        is_moved = len(tensor.shape) in channels_moved
        inputs.append(ModelInput(public.get(name, name), tensor.shape, DType(tensor.dtype), is_moved))
    return tuple(inputs)
