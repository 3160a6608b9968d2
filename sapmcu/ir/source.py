# SPDX-License-Identifier: Apache-2.0
"""What a user brings: a model file as read, and samples of its input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

import numpy as np

from sapmcu.ir.graph import Array, DType, Graph


class ModelFormat(StrEnum):
    KERAS_H5 = "keras-h5"
    KERAS = "keras"
    SAVED_MODEL = "saved_model"
    ONNX = "onnx"
    TFLITE = "tflite"


@dataclass(frozen=True, slots=True)
class ModelInput:
    """An input of the model. shape and dtype are those of the .tflite; the first axis is the batch, 1.

    is_channels_first: the model file itself (ONNX) has the channels on axis 1, and the converter has moved them last.
    """

    name: str
    shape: tuple[int, ...]
    dtype: DType
    is_channels_first: bool = False

    @property
    def sample_shape(self) -> tuple[int, ...]:
        return self.shape[1:]

    @property
    def file_sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample in the layout of the model file."""
        return (self.shape[-1], *self.shape[1:-1]) if self.is_channels_first else self.sample_shape


@dataclass(frozen=True)
class Source:
    """A model file, converted to .tflite where it was something else.

    tflite: float32, except where the file itself was a quantized .tflite. graph: what `tflite` says.
    producer: what wrote the file, for the report. layers: names of the layers, to translate tensor names back.
    """

    path: Path
    format: ModelFormat
    producer: str
    tflite: bytes = field(repr=False)
    graph: Graph = field(repr=False)
    inputs: tuple[ModelInput, ...]
    layers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Samples:
    """Inputs to calibrate and compare with.

    arrays: float32 [n, ...] for each input of the model, in its order and in the layout of the .tflite.
    labels: int64 [n], the right class of each, or None. origin: what they are, one line for the report.
    is_guessed: they are made up: ranges are guesses and accuracy is unknown.
    """

    arrays: tuple[Array, ...]
    labels: Array | None
    origin: str
    is_guessed: bool

    def __len__(self) -> int:
        return len(self.arrays[0])

    def batches(self) -> Iterator[tuple[Array, ...]]:
        """The inputs of one inference at a time, batch 1."""
        for index in range(len(self)):
            yield tuple(array[index : index + 1] for array in self.arrays)

    def transposed(self, perms: Sequence[tuple[int, ...] | None]) -> Samples:
        """The same samples for inputs with other orders of axes; None for one that stays."""
        arrays = (
            array if perm is None else np.ascontiguousarray(array.transpose(perm))
            for array, perm in zip(self.arrays, perms, strict=True)
        )
        return replace(self, arrays=tuple(arrays))
