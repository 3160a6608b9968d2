# SPDX-License-Identifier: Apache-2.0
"""An ONNX model -> float .tflite, through onnx2tf. Runs in the process of isolated.py."""

from __future__ import annotations

import io
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from sapmcu.errors import ToolError, UserError
from sapmcu.frontends.converted import Converted, import_extra, last_words
from sapmcu.ir.graph import Array
from sapmcu.isolated import Progress

CALIBRATION_FILE = "calibration_image_sample_data_20x128x128x3_float32.npy"
"""onnx2tf downloads this one unless it lies in the working directory; it only feeds a trial run."""
QUANTIZED_OPS = frozenset(
    {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger"}
)
FLOAT = 1
"""onnx.TensorProto.FLOAT."""
CHANNELS_FIRST_RANKS = (3, 4, 5)
"""onnx2tf moves the channels of inputs and outputs of these ranks from axis 1 to the end."""
TOLERANCE = 1e-3
"""Largest difference from onnxruntime, relative to the largest output; a right conversion has about 1e-6."""


def convert_onnx(report: Progress, path: str) -> Converted:
    """Convert with batch 1; inputs of rank 3 to 5 get their channels last. Compared with onnxruntime on one input.

    Raises: UserError where the file is damaged, quantized or of dynamic shape; ToolError where onnx2tf fails.
    """
    onnx = import_extra("onnx", "onnx")
    model = load_onnx(onnx, path)
    inputs = fix_batch(model, path)
    report(f"converting {path} (ONNX opset {max((one.version for one in model.opset_import), default=0)})")
    for module in ("tensorflow", "onnxruntime", "onnx2tf"):
        import_extra(module, "onnx")
    with tempfile.TemporaryDirectory(prefix="sapmcu-onnx-") as directory, _working_in(Path(directory)):
        tflite = _convert(onnx, model, path)
    report("comparing with onnxruntime")
    check_conversion(model, tflite, inputs, path)
    producer = f"{model.producer_name or 'ONNX'} {model.producer_version}".strip()
    return Converted(tflite, producer, tuple(node.name for node in model.graph.node if node.name), CHANNELS_FIRST_RANKS)


def load_onnx(onnx: Any, path: str) -> Any:
    """The model with its external data, checked."""
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf's DecodeError, checker's ValidationError, missing external files
        raise UserError(
            f"{path} is not a valid ONNX model",
            hint="export it again; weights stored in files of their own must lie beside it",
            details=last_words(error).splitlines()[:3],
        ) from error
    quantized = sorted({node.op_type for node in model.graph.node} & QUANTIZED_OPS)
    if quantized:
        raise UserError(
            f"{path} is quantized already ({', '.join(quantized)})",
            hint="give the float model: sapmcu quantizes it to TFLite's int8, which differs from ONNX's",
        )
    return model


def fix_batch(model: Any, path: str) -> dict[str, tuple[int, ...]]:
    """Set an open batch to 1, in place. Returns the inputs' shapes in ONNX's layout."""
    constants = {one.name for one in model.graph.initializer}
    shapes = {}
    for value in model.graph.input:
        if value.name in constants:
            continue
        if value.type.tensor_type.elem_type != FLOAT:
            raise UserError(f"{path}: input {value.name} is not float32", hint="export the model in float32")
        axes = value.type.tensor_type.shape.dim
        if axes and not axes[0].dim_value:
            axes[0].dim_value = 1
        shape = tuple(axis.dim_value for axis in axes)
        if not shape or 0 in shape or shape[0] != 1:
            shown = [axis.dim_value or axis.dim_param or "?" for axis in axes]
            raise UserError(
                f"{path}: input {value.name} has the shape {shown}",
                hint="export with a fixed input shape and batch 1; a microcontroller runs one input at a time",
            )
        shapes[value.name] = shape
    return shapes


@contextmanager
def _working_in(directory: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)


def _convert(onnx: Any, model: Any, path: str) -> bytes:
    """Run onnx2tf on a copy of the model in the working directory: it overwrites the file that it reads."""
    import onnx2tf

    rng = np.random.default_rng(0)
    np.save(CALIBRATION_FILE, rng.random((20, 128, 128, 3), np.float32))
    onnx.save(model, "model.onnx")
    log = io.StringIO()
    try:
        with redirect_stdout(log), redirect_stderr(log):
            onnx2tf.convert(input_onnx_file_path="model.onnx", output_folder_path="out", non_verbose=True)
        return Path("out/model_float32.tflite").read_bytes()
    except (Exception, SystemExit) as error:  # onnx2tf ends the program on what it can't do
        said = [line for line in log.getvalue().splitlines() if "ERROR" in line]
        raise ToolError(
            f"onnx2tf can't convert {path}",
            hint="simplify the model (onnxsim), or export it from its framework with another opset",
            command="onnx2tf -i model.onnx",
            output="\n".join(said[-6:]) or last_words(error),
        ) from error


def check_conversion(model: Any, tflite: bytes, inputs: dict[str, tuple[int, ...]], path: str) -> None:
    """One random input through onnxruntime and LiteRT; an output's channels may have moved last."""
    expected = run_onnx(model, inputs)
    try:
        got = _run_tflite(tflite, _random_inputs(inputs))
    except (RuntimeError, ValueError, KeyError) as error:
        raise _wrong_conversion(path, last_words(error)) from error
    for want in expected:
        scale = max(float(np.abs(want).max(initial=0)), 1e-6)
        candidates = [want] + ([np.moveaxis(want, 1, -1)] if want.ndim in CHANNELS_FIRST_RANKS else [])
        errors = [float(np.abs(a - b).max(initial=0)) for a in candidates for b in got if a.shape == b.shape]
        if not errors or min(errors) > TOLERANCE * scale:
            difference = min(errors, default=float("nan"))
            raise _wrong_conversion(path, f"largest difference {difference:.3g}, largest output {scale:.3g}")


def _wrong_conversion(path: str, details: str) -> ToolError:
    return ToolError(
        f"onnx2tf converts {path} to a model that computes something else than onnxruntime",
        hint="simplify the model (onnxsim), or export it from its framework with another opset",
        output=details,
    )


def run_onnx(model: Any, inputs: dict[str, tuple[int, ...]]) -> list[Array]:
    """onnxruntime's outputs for the random inputs."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return [np.asarray(value) for value in session.run(None, _random_inputs(inputs))]


def _random_inputs(inputs: dict[str, tuple[int, ...]]) -> dict[str, Array]:
    rng = np.random.default_rng(0)
    return {name: rng.random(shape, np.float32) for name, shape in inputs.items()}


def _run_tflite(tflite: bytes, inputs: dict[str, Array]) -> list[Array]:
    """inputs: in ONNX's order and layout."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=tflite)
    interpreter.allocate_tensors()
    details = {_name(one["name"]): one for one in interpreter.get_input_details()}
    for name, value in inputs.items():
        detail = details[_name(name)]
        moved = np.moveaxis(value, 1, -1) if value.ndim in CHANNELS_FIRST_RANKS else value
        interpreter.set_tensor(detail["index"], np.ascontiguousarray(moved))
    interpreter.invoke()
    return [interpreter.get_tensor(one["index"]) for one in interpreter.get_output_details()]


def _name(name: str) -> str:
    """An input's name as TensorFlow spells it, without the signature that it is in."""
    return re.sub(r"\W", "_", name.removeprefix("serving_default_").removesuffix(":0"))
