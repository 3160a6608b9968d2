# SPDX-License-Identifier: Apache-2.0
"""How far the int8 model is from the float one, on the samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from sapmcu.errors import ToolError
from sapmcu.ir.accuracy import Accuracy, LayerAccuracy, OutputAccuracy
from sapmcu.ir.graph import Array, Graph, Tensor
from sapmcu.ir.source import Samples, Source
from sapmcu.ir.tflite import op_code
from sapmcu.quantize.layers import layer_name

Execute = Callable[[Sequence[Sequence[Array]]], Sequence[Sequence[Array]]]
"""Run the int8 model on each set of inputs, int8; returns a set of outputs for each."""
Trace = Callable[[Sequence[Array]], Mapping[str, Array]]
"""Run the int8 model on one set of inputs; returns every tensor by name."""

MAX_SQNR_DB = 200.0
PER_LAYER_SAMPLES = 32


@dataclass
class Noise:
    """Sums of signal and error over the samples."""

    signal: float = 0.0
    noise: float = 0.0
    largest: float = 0.0

    def add(self, real: Array, approximation: Array) -> None:
        error = real.astype(np.float64) - approximation
        self.signal += float(np.square(real, dtype=np.float64).sum())
        self.noise += float(np.square(error).sum())
        self.largest = max(self.largest, float(np.abs(error).max(initial=0.0)))

    @property
    def sqnr_db(self) -> float:
        if self.noise == 0 or self.signal == 0:
            return MAX_SQNR_DB if self.noise == 0 else -MAX_SQNR_DB
        return max(-MAX_SQNR_DB, min(MAX_SQNR_DB, 10 * math.log10(self.signal / self.noise)))


def measure_accuracy(
    source: Source,
    quantized: Graph,
    model: bytes,
    samples: Samples,
    *,
    int8_samples: Samples | None = None,
    execute: Execute | None = None,
    trace: Trace | None = None,
    per_layer: bool = False,
) -> Accuracy:
    """Run both models on all samples.

    source: the float model. quantized, model: the int8 one, as graph and as file; its inputs and outputs are in the
    order of the float model's. int8_samples: the samples as the int8 model takes them, where that is another layout.
    execute, trace: what runs the int8 model; LiteRT's reference kernels where None, which differ from TFLM's in some
    ops (SUM is wrong in them).
    """
    expected = run_litert(source.tflite, list(samples.batches()))
    int8_samples = int8_samples or samples
    int8_inputs = [quantize_inputs(quantized, batch) for batch in int8_samples.batches()]
    results = run_litert(model, int8_inputs) if execute is None else execute(int8_inputs)
    outs = [quantized.tensors[name] for name in quantized.outputs]
    got = [[dequantize_array(array, tensor) for array, tensor in zip(one, outs, strict=True)] for one in results]
    agreement, float_accuracy, int8_accuracy = _classes(expected, got, samples)
    return Accuracy(
        samples=len(samples),
        origin=samples.origin,
        is_guessed=samples.is_guessed,
        outputs=_outputs(source, quantized, expected, got),
        argmax_agreement=agreement,
        float_accuracy=float_accuracy,
        int8_accuracy=int8_accuracy,
        layers=measure_layers(source, quantized, trace or _litert_trace(model, quantized), (samples, int8_samples))
        if per_layer
        else (),
    )


def _outputs(
    source: Source, quantized: Graph, expected: list[list[Array]], got: list[list[Array]]
) -> tuple[OutputAccuracy, ...]:
    public = _public_outputs(source)
    found = []
    for index, (name, float_name) in enumerate(zip(quantized.outputs, source.graph.outputs, strict=True)):
        noise = Noise()
        for real, approximation in zip(expected, got, strict=True):
            noise.add(real[index], approximation[index])
        found.append(OutputAccuracy(public.get(float_name, name), noise.sqnr_db, noise.largest))
    return tuple(found)


def _public_outputs(source: Source) -> dict[str, str]:
    """The signature's names of the output tensors, which the converter calls StatefulPartitionedCall:0 and so on."""
    return {tensor: name for signature in source.graph.signatures[:1] for name, tensor in signature.outputs}


def _classes(
    expected: list[list[Array]], got: list[list[Array]], samples: Samples
) -> tuple[float | None, float | None, float | None]:
    """Agreement and both accuracies of a classifier: one output of [1, classes]."""
    shape = expected[0][0].shape
    if len(expected[0]) != 1 or math.prod(shape) != shape[-1] or shape[-1] < 2:
        return None, None, None
    real = np.array([int(one[0].argmax()) for one in expected])
    approximate = np.array([int(one[0].argmax()) for one in got])
    agreement = float((real == approximate).mean())
    if samples.labels is None:
        return agreement, None, None
    return agreement, float((real == samples.labels).mean()), float((approximate == samples.labels).mean())


def quantize_inputs(quantized: Graph, batch: Sequence[Array]) -> list[Array]:
    """One set of real inputs as the int8 model takes them."""
    tensors = [quantized.tensors[name] for name in quantized.inputs]
    return [quantize_array(array, tensor) for array, tensor in zip(batch, tensors, strict=True)]


def quantize_array(array: Array, tensor: Tensor) -> Array:
    """real → q as TFLite's QUANTIZE: float32 division, halves away from zero, saturated."""
    scaled = array.astype(np.float32) / np.float32(tensor.scale)
    rounded = np.copysign(np.floor(np.abs(scaled) + np.float32(0.5)), scaled)
    info = np.iinfo(tensor.dtype.value)
    return np.clip(rounded + tensor.zero_point, info.min, info.max).astype(tensor.dtype.numpy)


def dequantize_array(array: Array, tensor: Tensor) -> Array:
    """q → real; an output without quantization (indices) stays as it is."""
    if tensor.quantization is None:
        return array
    return (array.astype(np.float64) - tensor.zero_point) * tensor.scale


def measure_layers(
    source: Source, quantized: Graph, trace: Trace, samples: tuple[Samples, Samples]
) -> tuple[LayerAccuracy, ...]:
    """The noise at each op's output that both models have under the same name and shape, worst first.

    samples: as the float model takes them, and as the int8 one does.
    """
    real = Stepper(source.tflite, source.graph)
    pairs = [
        (index, name)
        for index, op in enumerate(quantized.ops)
        for name in op.outputs
        if name in real.indices and quantized.tensors[name].quantization is not None
        if source.graph.tensors[name].shape == quantized.tensors[name].shape
    ]
    noises = [Noise() for _ in pairs]
    for batch, int8_batch in islice(zip(*(one.batches() for one in samples), strict=True), PER_LAYER_SAMPLES):
        real.run(batch)
        approximate = trace(quantize_inputs(quantized, int8_batch))
        for (_, name), noise in zip(pairs, noises, strict=True):
            noise.add(real.value(name), dequantize_array(approximate[name], quantized.tensors[name]))
    public = _public_outputs(source)
    found = [
        LayerAccuracy(
            index, op_code(quantized.ops[index]), public.get(name) or layer_name(name, source.layers), noise.sqnr_db
        )
        for (index, name), noise in zip(pairs, noises, strict=True)
    ]
    return tuple(sorted(found, key=lambda one: (one.sqnr_db, one.op)))


def _litert_trace(model: bytes, quantized: Graph) -> Trace:
    stepper = Stepper(model, quantized)

    def trace(values: Sequence[Array]) -> Mapping[str, Array]:
        stepper.run(values)
        return {name: stepper.value(name) for op in quantized.ops for name in op.outputs}

    return trace


class Stepper:
    """LiteRT's reference kernels with every tensor kept. graph: the one that `tflite` holds."""

    def __init__(self, tflite: bytes, graph: Graph) -> None:
        self.interpreter = interpreter(tflite, keeps_tensors=True)
        self.indices = {name: index for index, name in enumerate(graph.tensors)}
        self.inputs = [one["index"] for one in self.interpreter.get_input_details()]

    def run(self, values: Sequence[Array]) -> None:
        for index, value in zip(self.inputs, values, strict=True):
            self.interpreter.set_tensor(index, value)
        self.interpreter.invoke()

    def value(self, name: str) -> Array:
        return np.asarray(self.interpreter.get_tensor(self.indices[name]))


def run_litert(tflite: bytes, batches: Sequence[Sequence[Array]]) -> list[list[Array]]:
    """The outputs of LiteRT's reference kernels for each set of inputs."""
    runtime = interpreter(tflite)
    inputs = [one["index"] for one in runtime.get_input_details()]
    outputs = [one["index"] for one in runtime.get_output_details()]
    found = []
    for batch in batches:
        for index, value in zip(inputs, batch, strict=True):
            runtime.set_tensor(index, value)
        runtime.invoke()
        found.append([np.asarray(runtime.get_tensor(index)) for index in outputs])
    return found


def interpreter(tflite: bytes, *, keeps_tensors: bool = False) -> Any:
    """LiteRT with its reference kernels, ready to run.

    Raises: ToolError where it can't run the model.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    try:
        made = Interpreter(
            model_content=tflite,
            experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
            experimental_preserve_all_tensors=keeps_tensors,
        )
        made.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise ToolError(
            "LiteRT can't run this model", hint="convert it with TFLite's built-in ops only", output=str(error)
        ) from error
    return made
