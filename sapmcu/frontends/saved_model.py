# SPDX-License-Identifier: Apache-2.0
"""A TensorFlow function -> float .tflite with batch 1; SavedModel directories. Runs in the process of isolated.py."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from sapmcu.errors import ToolError, UserError
from sapmcu.frontends.converted import Converted, import_extra, last_words
from sapmcu.isolated import Progress

Tensors = Mapping[str, Any]
SIGNATURE = "serving_default"


def convert_saved_model(report: Progress, path: str) -> Converted:
    """Convert the signature serving_default, or the only one. Its Python objects are not loaded.

    Raises: UserError where the directory can't be read or has no such signature.
    """
    tf = import_extra("tensorflow", "keras")
    report(f"converting the SavedModel {path}")
    try:
        loaded = tf.saved_model.load(path)
    except Exception as error:
        raise UserError(
            f"{path} is not a whole SavedModel",
            hint="export it again: model.export(directory)",
            details=last_words(error).splitlines()[-3:],
        ) from error
    signature = _signature(loaded.signatures, path)
    specs = dict(signature.structured_input_signature[1])
    tflite = convert_function(lambda tensors: signature(**tensors), specs, loaded, path)
    version = getattr(loaded, "tensorflow_version", "")
    return Converted(tflite, f"SavedModel of TensorFlow {version}".strip())


def _signature(signatures: Mapping[str, Any], path: str) -> Any:
    """Keras's export writes the same function as serve and serving_default."""
    if SIGNATURE in signatures:
        return signatures[SIGNATURE]
    if len(signatures) == 1:
        return next(iter(signatures.values()))
    names = ", ".join(sorted(signatures)) or "none"
    raise UserError(
        f"{path} has no signature {SIGNATURE} (it has: {names})",
        hint="export with one: model.export(directory), or tf.saved_model.save(..., signatures=function)",
    )


def convert_function(function: Callable[[dict[str, Any]], Any], specs: Tensors, owner: Any, path: str) -> bytes:
    """Trace `function` at batch 1 and convert it to a float32 .tflite.

    A batch that stays open leaves SHAPE, GATHER and PACK in the model, which TFLM doesn't run. specs: name and
    TensorSpec of each input. owner: the trackable object that holds the function's variables.
    """
    tf = import_extra("tensorflow", "keras")
    fixed = {_argument(name): _batch_1(tf, name, spec, path) for name, spec in specs.items()}
    names = dict(zip(fixed, specs, strict=True))

    def traced(**tensors: Any) -> Any:
        return function({names[argument]: tensor for argument, tensor in tensors.items()})

    try:
        concrete = tf.function(traced, autograph=False).get_concrete_function(**fixed)
        converted: bytes = tf.lite.TFLiteConverter.from_concrete_functions([concrete], owner).convert()
    except Exception as error:
        raise _explained(error, path) from error
    return converted


def _argument(name: str) -> str:
    """A Python name for an input: pic:0 or my-input are none."""
    return re.sub(r"\W", "_", name.split(":")[0])


def _batch_1(tf: Any, name: str, spec: Any, path: str) -> Any:
    shape = spec.shape.as_list() if spec.shape.rank else []
    if not shape or None in shape[1:] or shape[0] not in (None, 1):
        raise UserError(
            f"{path}: input {name} has the shape {shape}",
            hint="a microcontroller runs one input of a fixed size at a time: build the model with a fixed input "
            "shape, for instance keras.Input((96, 96, 3)), load the weights into it and save that",
        )
    return tf.TensorSpec((1, *shape[1:]), spec.dtype, name=_argument(name))


def _explained(error: Exception, path: str) -> UserError:
    """The converter's long message as the ops that it names, where it names some."""
    text = str(error)
    named = re.findall(r"^(?:TF Select|Custom|Flex) ops: (.+)$", text, re.MULTILINE)
    if named:
        return UserError(
            f"{path} uses operations that TFLite has no built-in op for: {', '.join(named)}",
            hint="replace these layers by ones that TFLite knows; docs/supported-ops.md lists its ops",
        )
    return ToolError(
        f"TensorFlow can't convert {path}",
        hint="check that the model runs with batch 1 where it was trained",
        command="tf.lite.TFLiteConverter.from_concrete_functions(...).convert()",
        output=last_words(error),
    )
