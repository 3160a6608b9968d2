# SPDX-License-Identifier: Apache-2.0
"""What a conversion found and made."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from sapmcu.ir.build import Engine
from sapmcu.ir.memory import Fit, MemoryReport
from sapmcu.ir.speed import OpPrice
from sapmcu.ir.vectors import ExecutionCheck

if TYPE_CHECKING:
    from sapmcu.ir.accuracy import Accuracy


@dataclass(frozen=True, slots=True)
class Interface:
    """One input or output of the int8 model.

    file_axes: of an input that the host transposes, the axes of the model file's input in the order of this one's.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None
    zero_point: int | None
    file_axes: tuple[int, ...] | None = None


class InputLayout(StrEnum):
    """How inputs are given: as the model file has them, or with channels last where it transposes them first."""

    FILE = "file"
    NHWC = "nhwc"


@dataclass(frozen=True, slots=True)
class GraphSize:
    """filters: output channels of convolutions and fully connected ops. constant_bytes: equal constants counted once.

    live_bytes: of the activations that live together, at the worst op.
    """

    ops: int
    tensors: int
    filters: int
    macs: int
    constant_bytes: int
    live_bytes: int


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What a pass did. mends: the graph before it gives wrong results in TFLM, so that the two can't be compared.

    engine: the only one whose graph it is; None where model.tflite has it.
    """

    name: str
    before: GraphSize
    after: GraphSize
    mends: bool = False
    engine: Engine | None = None

    @property
    def is_identity(self) -> bool:
        return not self.mends and self.before == self.after


@dataclass(frozen=True, slots=True)
class NativeArena:
    """What the native engine needs beside its stack, input and output included.

    bound_bytes: no plan of this order of steps is smaller. whole_ops_bytes: where each op runs whole; file_order_bytes:
    in the order of the file, too. is_order_best: no other order of whole ops has a lower bound. is_by_rows: inputs come
    row by row. outputs_by_rows: indices of outputs that go so. cascaded_ops: indices of the ops of each cascade. apart:
    (input or output, region, bytes) of what lies outside of the arena.
    """

    arena_bytes: int
    bound_bytes: int
    whole_ops_bytes: int
    file_order_bytes: int
    is_order_best: bool
    is_by_rows: bool = False
    outputs_by_rows: tuple[int, ...] = ()
    cascaded_ops: tuple[tuple[int, ...], ...] = ()
    extra_macs: int = 0
    apart: tuple[tuple[str, str, int], ...] = ()


@dataclass(frozen=True)
class Conversion:
    """accuracy, samples: None for a model that came in int8. sha256: of the written model.tflite. engines: those that
    firmware/ has files for; native: None where the native engine lacks an op. native_ops: with their
    kernels and prices. narrowed_ranges: of tensors, which clip rare values."""

    model: str
    format: str
    producer: str
    quantizer: str | None
    narrowed_ranges: int
    samples: str | None
    is_guessed: bool
    sha256: str
    inputs: tuple[Interface, ...]
    outputs: tuple[Interface, ...]
    memory: MemoryReport
    fit: Fit
    rewrites: tuple[Rewrite, ...]
    check: ExecutionCheck
    accuracy: Accuracy | None
    engines: tuple[Engine, ...]
    native: NativeArena | None
    native_ops: tuple[OpPrice, ...]
    warnings: tuple[str, ...]
    files: tuple[str, ...]
    out: Path
