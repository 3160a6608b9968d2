# SPDX-License-Identifier: Apache-2.0
"""What a trained network is worth on a microcontroller: int8 as convert makes it, its memory, its test accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sapmcu.emit.tflite import write_tflite
from sapmcu.errors import UserError
from sapmcu.execution import executor
from sapmcu.frontends.tflite import read_tflite
from sapmcu.ir.graph import Array, Graph
from sapmcu.ir.memory import Kernels
from sapmcu.ir.source import Samples
from sapmcu.ir.twins import Twins
from sapmcu.isolated import Progress, silent
from sapmcu.lower import lower_graph, order_graph
from sapmcu.pipeline import native_graph, rewrite
from sapmcu.plan.memory import plan_memory
from sapmcu.plan.rows import CascadeOptions, plan_cascades
from sapmcu.plan.tflm.target import target_for
from sapmcu.quantize.accuracy import dequantize_array, quantize_array
from sapmcu.quantize.quantizer import check_full_int8, quantize_source
from sapmcu.train.data import Split, Splits
from sapmcu.train.task import Task
from sapmcu.train.trained import load_trained
from sapmcu.train.training import MODEL, SAMPLES, calibration_samples

PICTURES_AT_ONCE = 500


@dataclass(frozen=True)
class Int8Facts:
    """What the row of a run says of its int8 network; ir/comparison.py has what the figures mean."""

    macs: int
    tflm_sram_bytes: int
    native_sram_bytes: int | None
    native_rows_sram_bytes: int | None
    native_input_rows_sram_bytes: int | None
    native_refusal: str
    model_bytes: int
    flash_bytes: int
    int8_test_accuracy: float
    agreement: float | None


@dataclass(frozen=True)
class FloatResult:
    """What the float network, trained for `task`, finds in each test picture."""

    task: Task
    found: Sequence[Any]


def measure_int8(out: Path, splits: Splits, float_result: FloatResult, seed: int, progress: Progress) -> Int8Facts:
    """Quantize out/model.keras with calibration samples of the validation part and run the whole test set.

    Raises: UserError, ToolError.
    """
    task = float_result.task
    images, labels = calibration_samples(splits.validation, seed)
    samples = Samples((pixels_to_real(images),), labels, splits.origin, is_guessed=False)
    graph = int8_graph(out / MODEL, samples, progress)
    model = write_tflite(graph)
    memory = plan_memory(graph, len(model), target_for(Kernels.CMSIS_NN))
    native = native_sram(graph)
    progress(f"testing int8 with {len(splits.test):,} pictures")
    found = find_int8(task, graph, model, splits.test, progress)
    return Int8Facts(
        macs=memory.macs,
        tflm_sram_bytes=memory.tflm.required_bytes,
        native_sram_bytes=native.arena_bytes,
        native_rows_sram_bytes=native.rows_arena_bytes,
        native_input_rows_sram_bytes=native.input_rows_arena_bytes,
        native_refusal=native.refusal,
        model_bytes=memory.model_bytes,
        flash_bytes=memory.flash_bytes,
        int8_test_accuracy=task.score(found, splits.test),
        agreement=task.agreement(found, float_result.found),
    )


def int8_graph(path: Path, samples: Samples, progress: Progress) -> Graph:
    """What convert writes of a Keras model."""
    progress("converting to int8")
    source = load_trained(path)
    int8 = quantize_source(source, samples).tflite
    as_read = read_tflite(int8, source.path.stem, str(source.path), is_quantized_here=True)
    check_full_int8(as_read, source)
    return order_graph(rewrite(as_read)[0])[0]


@dataclass(frozen=True)
class NativeSram:
    """The native engine's arena: op after op, by rows, and with the input, which the first two include, by rows as
    well; None and the reason where it can't run the network."""

    arena_bytes: int | None
    rows_arena_bytes: int | None
    input_rows_arena_bytes: int | None
    refusal: str = ""


def native_sram(graph: Graph) -> NativeSram:
    """On a Cortex-M4 or M7. graph: as model.tflite holds it."""
    native = native_graph(graph)[0]
    try:
        whole = lower_graph(native, twins=Twins.DSP)
    except UserError as error:
        return NativeSram(None, None, None, error.message)
    in_ram, by_rows = (
        plan_cascades(native, whole.steps, CascadeOptions(by_rows=by_rows)).arena_bytes for by_rows in (False, True)
    )
    return NativeSram(whole.plan.arena_bytes, in_ram, by_rows)


def measure_native_sram(out: Path, progress: Progress) -> NativeSram:
    """Of a run that is finished, from its model and the pictures that were kept beside it. Raises: UserError."""
    try:
        with np.load(out / SAMPLES) as arrays:
            images = arrays["x"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"{out / SAMPLES} can't be read", hint="it is made by training", details=(str(error),)
        ) from error
    samples = Samples((pixels_to_real(images),), None, SAMPLES, is_guessed=False)
    return native_sram(int8_graph(out / MODEL, samples, progress))


def pixels_to_real(pixels: Array) -> Array:
    """As a network of a recipe takes them."""
    return np.asarray(pixels.astype(np.float32) / np.float32(255))


def find_int8(task: Task, graph: Graph, tflite: bytes, split: Split, progress: Progress = silent) -> Sequence[Any]:
    """What is found in each picture with TFLM's bytes."""
    table = quantize_array(pixels_to_real(np.arange(256)), graph.tensors[graph.inputs[0]])
    tensors = [graph.tensors[name] for name in graph.outputs]
    execute = executor(graph, tflite, native=native_graph(graph)[0], runs=len(split), progress=progress)
    found = list[Any]()
    for start in range(0, len(split), PICTURES_AT_ONCE):
        images = split.images[start : start + PICTURES_AT_ONCE]
        for outputs in execute([(table[image][None],) for image in images]):
            found += task.find([dequantize_array(one, tensor) for one, tensor in zip(outputs, tensors, strict=True)])
    return found
