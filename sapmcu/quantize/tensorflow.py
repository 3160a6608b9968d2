# SPDX-License-Identifier: Apache-2.0
"""TensorFlow's post-training quantizer on a float .tflite. Runs in the process of isolated.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sapmcu.errors import ToolError
from sapmcu.ir.graph import Array
from sapmcu.isolated import Progress
from sapmcu.quantize.ranges import Limits, RangeCount, calibrated_ranges, least_error_ranges, with_ranges


def quantize_with_tensorflow(report: Progress, tflite: bytes, arrays: Sequence[Array]) -> bytes:
    """With ranges as wide as what the samples show."""
    return quantize_in_ranges(report, tflite, arrays, None)[0]


def quantize_in_ranges(
    report: Progress, tflite: bytes, arrays: Sequence[Array], kept: frozenset[str] | None
) -> tuple[bytes, RangeCount]:
    """The second half of TFLiteConverter.convert(): it, too, makes a float .tflite, calibrates and quantizes that.

    kept: the tensors whose range is as wide as what the samples show; None: all.

    Without the first half, all model formats take the same way, and tensors keep the names of the float model. There
    is no public name for it; a test compares it with the converter's result. Source: lite/python/lite.py of
    TensorFlow 2.19, TFLiteConverterBase._quantize.
    """
    calibrator, mlir_quantize, int8 = _internals()
    count = len(arrays[0])

    def batches() -> Iterator[list[Array]]:
        for index in range(count):
            if index and index % 50 == 0:
                report(f"calibrating: {index} of {count}")
            yield [array[index : index + 1] for array in arrays]

    try:
        calibrated = calibrator(tflite).calibrate(batches)
        widest = calibrated_ranges(calibrated)
        narrower: dict[str, Limits] = {}
        if kept is not None:
            report("finding the ranges of least error")
            narrower = least_error_ranges(tflite, arrays, widest, kept)
            calibrated = with_ranges(calibrated, narrower)
        quantized: bytes = mlir_quantize(calibrated, fully_quantize=True, **int8)
    except Exception as error:
        raise ToolError(
            "TensorFlow can't quantize this model",
            hint="check that the float model runs on the samples",
            output=str(error)[-2000:],
        ) from error
    return quantized, RangeCount(len(narrower), len(widest))


def _internals() -> tuple[Any, Any, dict[str, Any]]:
    """The calibrator, the quantizer, and its arguments for int8 inside, in and out."""
    try:
        import tensorflow as tf
        from tensorflow.lite.python.convert import mlir_quantize
        from tensorflow.lite.python.optimize.calibrator import Calibrator
        from tensorflow.lite.toco import types_pb2
    except ImportError as error:
        raise ToolError(
            "this version of TensorFlow has no quantizer where sapmcu looks for it",
            hint="pip install 'sapmcu[keras]'",
            output=str(error),
        ) from error
    types = {"inference_type": types_pb2.QUANTIZED_INT8, "input_data_type": tf.int8, "output_data_type": tf.int8}
    return Calibrator, mlir_quantize, types
