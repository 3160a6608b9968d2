# SPDX-License-Identifier: Apache-2.0
"""Measure what kernels take in the emulator, and write sapmcu/plan/prices.toml: `make prices`.

Each kind of op runs in many shapes, many in one firmware; its instructions are fitted by functions that are linear in
how often a kernel does what: coefficients that aren't negative, with the least squares of relative errors.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sapmcu.boards.board import load_board
from sapmcu.build.firmware import build_firmware
from sapmcu.build.project import load_project
from sapmcu.emit.directory import write_directory
from sapmcu.emit.native_project import emit_native_project
from sapmcu.emit.origin import Origin
from sapmcu.emit.tflite import write_tflite
from sapmcu.ir import ops
from sapmcu.ir.filters import FilterForm
from sapmcu.ir.graph import Array, DType, Graph, Op, Quantization, Tensor
from sapmcu.ir.padding import same_padding
from sapmcu.ir.twins import Twins
from sapmcu.ir.vectors import Vector
from sapmcu.lower.graph import lower_graph
from sapmcu.plan.price import PRICES, general_kernel
from sapmcu.plan.price_shape import Shape, call_kernel, call_shape
from sapmcu.reference import run_graph
from sapmcu.run.session import Firmware, run_vectors, target_of

BOARDS = {"cortex-m4": "mps2_an386", "cortex-m3": "mps2_an385", "cortex-m0plus": "rpi_pico"}
LOW, HIGH = -128, 127
CLAMP = ops.Range(LOW, HIGH)
Case = tuple[Op, tuple[Tensor, ...]]
Sample = tuple[Shape, int]


def activation(name: str, shape: Sequence[int], zero_point: int = LOW) -> Tensor:
    return Tensor(name, tuple(shape), DType.INT8, Quantization((0.05,), (zero_point,)))


def constant(name: str, value: Array, scales: NDArray[np.float64], axis: int = 0) -> Tensor:
    quantization = Quantization(tuple(float(np.float32(one)) for one in scales), (0,) * len(scales), axis)
    return Tensor(name, value.shape, DType(value.dtype.name), quantization, value.tobytes())


class Maker:
    """Makes the ops of one firmware, with random constants that give results all over the range."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self.cases: list[Case] = []

    def _names(self) -> tuple[str, str, str, str]:
        number = len(self.cases)
        return f"x{number}", f"filter{number}", f"bias{number}", f"y{number}"

    def _filter(self, name: str, shape: Sequence[int], depth: int, axis: int) -> Tensor:
        values = np.clip(self._random.normal(0, 40, shape), LOW + 1, HIGH).round().astype(np.int8)
        scales = self._random.uniform(0.6, 1.4, shape[axis]) / (60 * np.sqrt(depth))
        return constant(name, values, scales, axis)

    def _bias(self, name: str, filters: Tensor) -> Tensor:
        assert filters.quantization is not None
        scales = 0.05 * np.array(filters.quantization.scales)
        return constant(name, self._random.integers(-2000, 2000, len(scales)).astype(np.int32), scales)

    def conv(self, x: Sequence[int], outputs: int, kernel: tuple[int, int], stride: int, zero_point: int = LOW) -> None:
        names = self._names()
        filters = self._filter(names[1], (outputs, *kernel, x[2]), kernel[0] * kernel[1] * x[2], 0)
        self._windows(ops.Conv2D, names, x, filters, (outputs, kernel, stride), zero_point)

    def depthwise(self, x: Sequence[int], kernel: tuple[int, int], stride: int, zero_point: int = LOW) -> None:
        names = self._names()
        filters = self._filter(names[1], (1, *kernel, x[2]), kernel[0] * kernel[1], 3)
        self._windows(ops.DepthwiseConv2D, names, x, filters, (x[2], kernel, stride), zero_point)

    def _windows(
        self,
        kind: Any,
        names: tuple[str, str, str, str],
        x: Sequence[int],
        filters: Tensor,
        what: tuple[int, tuple[int, int], int],
        zero_point: int,
    ) -> None:
        outputs, kernel, stride = what
        height, width = (-(-size // stride) for size in x[:2])
        padding = same_padding((x[0], x[1]), kernel, (stride, stride))
        op = kind(names[:3], names[3:], (stride, stride), padding, (1, 1), CLAMP)
        tensors = (activation(names[0], (1, *x), zero_point), filters, self._bias(names[2], filters))
        self.cases.append((op, (*tensors, activation(names[3], (1, height, width, outputs), zero_point))))

    def product(self, vectors: int, depth: int, outputs: int, zero_point: int = LOW) -> None:
        x, names = activation(self._names()[0], (vectors, depth), zero_point), self._names()
        filters = self._filter(names[1], (outputs, depth), depth, 0)
        filters = constant(names[1], filters.value, np.array([1 / (60 * np.sqrt(depth))]))
        y = activation(names[3], (vectors, outputs), zero_point)
        op = ops.FullyConnected(names[:3], names[3:], CLAMP, keep_num_dims=False)
        self.cases.append((op, (x, filters, self._bias_of_all(names[2], outputs, depth), y)))

    def _bias_of_all(self, name: str, outputs: int, depth: int) -> Tensor:
        values = self._random.integers(-2000, 2000, outputs).astype(np.int32)
        return constant(name, values, np.array([0.05 / (60 * np.sqrt(depth))]))

    def binary(self, kind: Any, elements: int) -> None:
        names = self._names()
        tensors = [activation(name, (1, elements), 3) for name in (names[0], names[1], names[3])]
        self.cases.append((kind(names[:2], names[3:], CLAMP), tuple(tensors)))

    def logistic(self, elements: int) -> None:
        names = self._names()
        y = Tensor(names[3], (1, elements), DType.INT8, Quantization((1 / 256,), (LOW,)))
        self.cases.append((ops.Logistic(names[:1], names[3:]), (activation(names[0], (1, elements), 3), y)))

    def mean(self, x: Sequence[int]) -> None:
        names = self._names()
        axes = Tensor(names[1], (2,), DType.INT32, None, np.array([1, 2], np.int32).tobytes())
        tensors = (activation(names[0], (1, *x), 3), axes, activation(names[3], (1, x[2]), 3))
        self.cases.append((ops.Mean(names[:2], names[3:], keep_dims=False), tensors))

    def pool(self, x: Sequence[int], window: tuple[int, int], stride: int, kind: Any = ops.AveragePool2D) -> None:
        names = self._names()
        height, width = ((size - one) // stride + 1 for size, one in zip(x[:2], window, strict=True))
        op = kind(names[:1], names[3:], window, (stride, stride), ((0, 0), (0, 0)), CLAMP)
        self.cases.append((op, (activation(names[0], (1, *x)), activation(names[3], (1, height, width, x[2])))))

    def softmax(self, vectors: int, depth: int) -> None:
        names = self._names()
        y = Tensor(names[3], (vectors, depth), DType.INT8, Quantization((1 / 256,), (LOW,)))
        self.cases.append((ops.Softmax(names[:1], names[3:], 1.0), (activation(names[0], (vectors, depth)), y)))


def convolutions(maker: Maker) -> None:
    for zero_point in (LOW, 5):
        for size in ((12, 12), (6, 6), (5, 25), (3, 3), (24, 24)):
            for inputs, outputs in ((8, 16), (16, 32), (32, 32), (64, 64)):
                if size[0] * size[1] * inputs < 20_000:
                    maker.conv((*size, inputs), outputs, (1, 1), 1, zero_point)
        maker.conv((6, 6, 128), 128, (1, 1), 1, zero_point)
        maker.conv((9, 7, 7), 33, (1, 1), 1, zero_point)
        maker.conv((1, 1, 255), 2, (1, 1), 1, zero_point)
        maker.conv((3, 3, 128), 255, (1, 1), 1, zero_point)
        maker.conv((16, 16, 16), 32, (1, 1), 2, zero_point)
        maker.conv((16, 16, 32), 64, (1, 1), 2, zero_point)


def wide_convolutions(maker: Maker) -> None:
    for zero_point in (LOW, 5):
        for size, inputs, outputs in (
            *((16, 16, 16), (8, 64, 64), (16, 32, 32), (9, 32, 24), (16, 3, 16), (32, 3, 16), (14, 8, 16), (6, 24, 8)),
            *((10, 40, 12), (24, 16, 8), (12, 48, 32)),
        ):
            maker.conv((size, size, inputs), outputs, (3, 3), 1, zero_point)
            maker.conv((size, size, inputs), outputs, (3, 3), 2, zero_point)
        maker.conv((49, 10, 1), 64, (10, 4), 2, zero_point)
        maker.conv((49, 40, 1), 8, (10, 8), 2, zero_point)
        maker.conv((48, 48, 1), 7, (3, 3), 2, zero_point)
        maker.conv((28, 28, 1), 16, (3, 3), 2, zero_point)


def depthwise(maker: Maker) -> None:
    for zero_point in (LOW, 5):
        for size, channels in (
            *((size, channels) for size in ((12, 12), (6, 6), (3, 3)) for channels in (8, 16, 32, 64, 128)),
            *(((25, 5), 64), ((24, 24), 16), ((24, 24), 32), ((48, 48), 7), ((25, 20), 8), ((7, 9), 24), ((3, 3), 256)),
        ):
            if channels * size[0] * size[1] < 20_000:
                maker.depthwise((*size, channels), (3, 3), 1, zero_point)
                maker.depthwise((*size, channels), (3, 3), 2, zero_point)
        for size, channels in (
            *(((12, 12), channels) for channels in (8, 16, 32, 64, 128)),
            *(((24, 24), 16), ((24, 24), 32), ((48, 48), 7), ((25, 20), 8), ((7, 9), 24), ((25, 5), 64), ((5, 60), 9)),
        ):
            maker.depthwise((*size, channels), (3, 3), 3, zero_point)


def others(maker: Maker) -> None:
    for depth, outputs in (
        (64, 10),
        (64, 12),
        (640, 128),
        (128, 128),
        (128, 16),
        (1000, 4),
        (4000, 4),
        (16, 16),
        (96, 10),
    ):
        maker.product(1, depth, outputs)
        maker.product(1, depth, outputs, 5)
    maker.product(1, 1, 16, 5)
    maker.product(1, 16, 1, 5)
    for elements in (1024, 4096, 6272, 8192, 16_384, 1000):
        for kind in (ops.Add, ops.Sub, ops.Mul):
            maker.binary(kind, elements)
        maker.logistic(elements)
    for x in ((8, 8, 64), (25, 5, 64), (3, 3, 255), (7, 7, 96), (4, 4, 16)):
        maker.pool(x, x[:2], 1)
        maker.mean(x)
    for x in ((8, 8, 64), (24, 24, 16), (16, 16, 32), (28, 28, 8)):
        maker.pool(x, (2, 2), 2)
        maker.pool(x, (2, 2), 2, ops.MaxPool2D)
        maker.pool(x, (3, 3), 2, ops.MaxPool2D)
    for vectors, depth in ((1, 2), (1, 4), (1, 10), (1, 12), (1, 100), (16, 10), (64, 4)):
        maker.softmax(vectors, depth)


def shallow(maker: Maker) -> None:
    for size, outputs in (((28, 28), 8), ((48, 48), 7), ((32, 20), 16), ((12, 50), 4), ((9, 7), 24), ((5, 70), 3)):
        maker.conv((*size, 1), outputs, (3, 3), 1)
        maker.conv((*size, 1), outputs, (3, 3), 2)
    for size, inputs, outputs in (((24, 24), 8, 16), ((48, 48), 7, 16), ((9, 5), 6, 12), ((5, 30), 5, 24)):
        maker.conv((*size, inputs), outputs, (1, 1), 1)
        maker.conv((*size, inputs), outputs, (1, 1), 2)
        maker.conv((*size, inputs), outputs + 9, (1, 1), 1)


FAMILIES: Sequence[Callable[[Maker], None]] = (convolutions, wide_convolutions, depthwise, others, shallow)
ROOM_BYTES = 150_000
"""Of tensors in one firmware: all its inputs are there at once."""


def firmwares(cases: Sequence[Case]) -> Iterator[Sequence[Case]]:
    """Cases that fit into one firmware."""
    part: list[Case] = []
    size = 0
    for op, tensors in cases:
        need = sum(one.size_bytes for one in tensors if not one.is_constant)
        if part and size + need > ROOM_BYTES:
            yield part
            part, size = [], 0
        part.append((op, tensors))
        size += need
    yield part


def measure(
    cases: Sequence[Case], board_name: str, twins: Twins, filters: FilterForm = FilterForm.INT8
) -> Iterator[tuple[str, Sample]]:
    """(kernel, (shape, instructions)) of each op that is one call."""
    board = load_board(board_name)
    tensors = {one.name: one for _, group in cases for one in group}
    all_ops = tuple(op for op, _ in cases)
    inputs = tuple(name for op in all_ops for name in op.present_inputs if not tensors[name].is_constant)
    graph = Graph("prices", tensors, all_ops, inputs, tuple(op.outputs[0] for op in all_ops))
    random = np.random.default_rng(1)
    arrays = [random.integers(LOW, HIGH, tensors[name].shape).astype(np.int8) for name in inputs]
    values = run_graph(graph, arrays)
    vector = Vector(tuple(one.tobytes() for one in arrays), tuple(values[name].tobytes() for name in graph.outputs))
    program = lower_graph(graph, twins=twins, filters=[filters] * len(graph.ops))
    files = emit_native_project(graph, write_tflite(graph), board, [vector], Origin("0", "make prices"), program)
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "firmware"
        write_directory(out, files, force=False)
        firmware = Firmware(load_project(out / "firmware"), build_firmware(out, "gcc", target=target_of("unicorn")))
        run = run_vectors(firmware, "unicorn", [vector])
    assert run.outputs_equal and run.measurement.instructions_by_op is not None
    for op, step, instructions in zip(graph.ops, program.steps, run.measurement.instructions_by_op, strict=True):
        if len(step.lowered.calls) == 1:
            (call,) = step.lowered.calls
            yield general_kernel(call_kernel(call)), (call_shape(graph, op, call), instructions)


def measure_forms(cases: Sequence[Case], board_name: str) -> Iterator[tuple[str, Sample]]:
    """Ops as they are lowered for the board, and as they are where a proof fails: in the forms that all cores have.

    On cores with DSP also with larger filters, where these have kernels of their own.
    """
    yield from measure(cases, board_name, twins := load_board(board_name).twins)
    if twins is Twins.DSP:
        yield from measure(cases, board_name, Twins.NONE)
        for filters, kernels in LARGER.items():
            found = measure(cases, board_name, twins, filters)
            yield from ((kernel, sample) for kernel, sample in found if kernel.startswith(kernels))


LARGER = {
    FilterForm.INT16: "sapmcu_wide_",
    FilterForm.WINOGRAD_ROW: "sapmcu_winograd_conv2d_row_",
    FilterForm.WINOGRAD: "sapmcu_winograd_conv2d_rows_",
}
"""Forms of filters that `convert --prefer speed` chooses from, and the begin of their kernels' names."""


def fit(samples: Sequence[Sample]) -> tuple[Mapping[str, float], float]:
    """(coefficients, the largest relative error)"""
    from scipy.optimize import nnls  # comes with scikit-learn

    names = list(samples[0][0])
    target = np.array([instructions for _, instructions in samples], np.float64)
    terms = np.array([[shape[name] for name in names] for shape, _ in samples], np.float64) / target[:, None]
    largest = np.maximum(terms.max(axis=0), 1e-12)
    found = nnls(terms / largest, np.ones(len(target)))[0] / largest
    error = float(np.abs(terms @ found - 1).max())
    return {name: float(value) for name, value in zip(names, found, strict=True) if value}, error


def main() -> None:
    lines = [
        "# SPDX-License-Identifier: Apache-2.0",
        "# Instructions of kernels by their shapes, plan/price.py. Measured by",
    ]
    lines += ["# `make prices` with arm-none-eabi-gcc at -O2. error: the largest of the shapes that were measured."]
    for core, board in BOARDS.items():
        samples: dict[str, list[Sample]] = defaultdict(list)
        for number, family in enumerate(FAMILIES):
            maker = Maker(number)
            family(maker)
            for part in firmwares(maker.cases):
                for kernel, sample in measure_forms(part, board):
                    samples[general_kernel(kernel)].append(sample)
        for kernel, ones in sorted(samples.items()):
            coefficients, error = fit(ones)
            print(f"{core} {kernel}: {len(ones)} shapes, error {error:.1%}, {coefficients}")
            table = ", ".join(f"{name} = {value:.5g}" for name, value in coefficients.items())
            lines += ["", "[[price]]", f'core = "{core}"', f'kernel = "{kernel}"', f"shapes = {len(ones)}"]
            lines += [f"error = {error:.4f}", f"instructions = {{ {table} }}"]
    PRICES.write_text("\n".join(lines) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
