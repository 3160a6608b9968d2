# SPDX-License-Identifier: Apache-2.0
"""Keras models, .h5 and .keras, of Keras 2 and 3 -> float .tflite. Runs in the process of isolated.py."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sapmcu.errors import UserError
from sapmcu.frontends.converted import Converted, import_extra, last_words
from sapmcu.frontends.saved_model import convert_function
from sapmcu.isolated import Progress

MAX_CONFIG_BYTES = 64 << 20
CODE_LAYERS = frozenset({"Lambda", "TFSMLayer", "__lambda__"})
"""Layers whose configuration is program code or names other files to load."""
CODE_FUNCTIONS = ("io.", "py_function", "numpy_function", "load_", "raw_ops.", "saved_model.", "data.", "distribute.")
"""TensorFlow functions that a TFOpLambda of an honest model never calls: files, Python, plugins."""
KNOWN_MODULES = ("keras", "keras_core", "tf_keras", "tensorflow", "builtins", "sapmcu")
EXPORT_HINT = "save the whole model again: model.save('model.keras')"


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says before anything of it is built."""

    keras_version: str
    config: Any


def convert_keras(report: Progress, path: str) -> Converted:
    """Convert a .h5 or .keras file with the Keras that wrote it; sapmcu's poolings in the form that int8 takes best.

    Raises: UserError where it is damaged, holds only weights, holds code, or needs layers that aren't here.
    """
    model, version = load_keras(report, path)
    layers = tuple(layer.name for layer in model._flatten_layers(include_self=False))
    report("converting to float TFLite")
    tflite = keras_to_tflite(model, path, is_keras_2=not version.startswith("3"))
    return Converted(tflite, f"Keras {version}", layers)


def load_keras(report: Progress, path: str) -> tuple[Any, str]:
    """The model of a .h5 or .keras file, and the version of Keras that wrote it; Keras 2's is one of tf_keras.

    Raises: UserError.
    """
    version = read_header(path).keras_version or "2"
    report(f"loading {path} (Keras {version})")
    # Keras 3 rejects Keras 2's DepthwiseConv2D in .h5 and all of its .keras files.
    library = import_extra("keras" if version.startswith("3") else "tf_keras", "keras")
    return load_model(library, path), version


def keras_to_tflite(model: Any, path: str, *, is_keras_2: bool = False) -> bytes:
    """A loaded model as a float .tflite with batch 1, its poolings in their inference form.

    path: what an error calls it.
    """
    with nullcontext() if is_keras_2 else computed_in_float32(model):
        if not is_keras_2:
            model = import_extra("sapmcu.layers", "keras").fold_poolings(model, exact=False)
        specs = _specs(model, path)
        return convert_function(_function(model, list(specs)), specs, _owner(model, is_keras_2), path)


@contextmanager
def computed_in_float32(model: Any) -> Iterator[None]:
    """Undo mixed precision, which is for training: the weights are float32, and TFLite has no float16 convolution."""
    mixed = [layer for layer in model._flatten_layers() if layer.dtype_policy.name.startswith("mixed_")]
    policies = [layer.dtype_policy for layer in mixed]
    try:
        for layer in mixed:
            layer.dtype_policy = "float32"
        yield
    finally:
        for layer, policy in zip(mixed, policies, strict=True):
            layer.dtype_policy = policy


def read_header(path: str) -> Header:
    """Of a .h5 file or a .keras archive; Keras 2 wrote HDF5 under both names.

    Raises: UserError where the file is damaged, holds only weights, or holds code.
    """
    with Path(path).open("rb") as file:
        is_archive = file.read(2) == b"PK"
    header = read_keras_header(path) if is_archive else read_hdf5_header(path)
    check_config(header.config, path)
    return header


def load_model(library: Any, path: str, *, shown: str | None = None) -> Any:
    """Load a file whose header was read. library: keras or tf_keras. shown: what an error calls the file.

    Raises: UserError.
    """
    if library.__name__ == "keras":
        register_layers()
    try:
        return library.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        raise UserError(
            f"{library.__name__} can't load {shown or path}",
            hint="layers of your own can't be loaded from a file alone: give a SavedModel (model.export(directory)); "
            "a damaged file must be saved again",
            details=last_words(error).splitlines()[:6],
        ) from error


def register_layers() -> None:
    """sapmcu's own layers register themselves with Keras when they are imported."""
    import_extra("sapmcu.layers", "keras")


def read_hdf5_header(path: str) -> Header:
    """Keras's attributes of an HDF5 file."""
    h5py = import_extra("h5py", "keras")
    try:
        with h5py.File(path, "r") as file:
            attributes = {key: file.attrs[key] for key in ("model_config", "keras_version") if key in file.attrs}
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise _damaged(path, "an HDF5 file", error) from error
    if "model_config" not in attributes:
        raise UserError(f"{path} holds weights without the model", hint=EXPORT_HINT)
    return Header(_text(attributes.get("keras_version", "")), _parsed(_text(attributes["model_config"]), path))


def read_keras_header(path: str) -> Header:
    """metadata.json and config.json of a .keras archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = [archive.getinfo(name).file_size for name in ("metadata.json", "config.json")]
            if max(sizes) > MAX_CONFIG_BYTES:
                raise ValueError(f"its configuration has {max(sizes):,} bytes")
            metadata, config = (archive.read(name).decode() for name in ("metadata.json", "config.json"))
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise _damaged(path, "a .keras archive", error) from error
    versions = _parsed(metadata, path)
    version = versions.get("keras_version", "") if isinstance(versions, dict) else ""
    return Header(str(version), _parsed(config, path))


def check_config(config: Any, path: str) -> None:
    """Refuse what would run code on loading: Keras's safe mode covers neither .h5 nor Keras 2."""
    reasons = dict.fromkeys(reason for item in _dicts(config) for reason in _unsafe(item))
    if reasons:
        raise UserError(
            f"{path} holds program code, which sapmcu doesn't run: {next(iter(reasons))}",
            hint="replace it by Keras layers, or export to TFLite where you trust the model and give the .tflite",
            details=list(reasons)[1:9],
        )


def _unsafe(item: dict[str, Any]) -> Iterator[str]:
    kind, config = item.get("class_name"), item.get("config")
    own = config if isinstance(config, dict) else {}
    name = own.get("name", "without a name")
    if kind in CODE_LAYERS:
        yield f"{kind} layer {name}"
    if kind == "TFOpLambda" and str(own.get("function", "")).startswith(CODE_FUNCTIONS):
        yield f"layer {name} calls tf.{own['function']}"
    module = item.get("module")
    if kind is not None and isinstance(module, str) and module.split(".")[0] not in KNOWN_MODULES:
        yield f"{kind} of the Python module {module}"


def _dicts(config: Any) -> Iterator[dict[str, Any]]:
    """All dictionaries in a configuration, at any depth."""
    pending = [config]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            yield item
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


def _specs(model: Any, path: str) -> dict[str, Any]:
    """Name and TensorSpec of each input."""
    tf = import_extra("tensorflow", "keras")
    inputs = getattr(model, "inputs", None)
    if not inputs:
        raise UserError(
            f"{path}: the model doesn't say what its input is",
            hint="start it with keras.Input(shape), or call it once before saving",
        )
    return {one.name: tf.TensorSpec(one.shape, one.dtype) for one in inputs}


def _function(model: Any, names: list[str]) -> Any:
    """The model as a function of its inputs by name; outputs by the names of Keras."""
    tf = import_extra("tensorflow", "keras")

    def function(tensors: dict[str, Any]) -> dict[str, Any]:
        values = tf.nest.pack_sequence_as(_input_structure(model), [tensors[name] for name in names])
        outputs = tf.nest.flatten(model(values, training=False))
        output_names = list(getattr(model, "output_names", []))
        if len(set(output_names)) != len(outputs):
            output_names = [f"output_{index}" for index in range(len(outputs))]
        return dict(zip(output_names, outputs, strict=True))

    return function


def _input_structure(model: Any) -> Any:
    """A tensor, or lists and dictionaries of them, as the model is called."""
    try:
        return model.input
    except (AttributeError, ValueError):  # Keras 3 keeps none for a Sequential that was loaded
        return model.inputs[0] if len(model.inputs) == 1 else model.inputs


def _owner(model: Any, is_keras_2: bool) -> Any:
    """What keeps the variables alive and visible to the converter: Keras 3's variables wrap TensorFlow's."""
    if is_keras_2:
        return model
    tf = import_extra("tensorflow", "keras")
    owner = tf.Module()
    owner.kept = [variable.value for variable in model.variables]
    return owner


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _parsed(text: str, path: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "a Keras model", error) from error


def _damaged(path: str, kind: str, error: BaseException) -> UserError:
    return UserError(
        f"{path} is not {kind}, or is damaged", hint=EXPORT_HINT, details=last_words(error).splitlines()[:2]
    )
