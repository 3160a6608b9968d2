# SPDX-License-Identifier: Apache-2.0
"""Samples to calibrate and compare with: from files, named sets, or made up."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from sapmcu.errors import UserError
from sapmcu.ir.graph import Array, DType
from sapmcu.ir.source import ModelInput, Samples, Source
from sapmcu.quantize.datasets import DATASETS
from sapmcu.quantize.guess import guess_samples
from sapmcu.quantize.images import load_images
from sapmcu.quantize.normalize import PIXELS_TO_UNIT, Normalization, parse_normalization

DEFAULT_LIMIT = 200
MAX_VALUE = 1e9
"""Far beyond any sensible input; such values are units gone wrong, or noise."""
KINDS_HINT = "give a .npy or .npz file, a directory of images, or one of " + ", ".join(DATASETS)


def samples_beside(path: Path) -> Path:
    """Where sapmcu's training writes the samples of a model: model.h5 -> model.samples.npz."""
    return path.with_name(f"{path.stem}.samples.npz")


def load_samples(
    spec: str | None, source: Source, *, normalize: str | None = None, limit: int = DEFAULT_LIMIT
) -> Samples:
    """At most `limit` samples for the inputs of a float model.

    spec: a .npy or .npz file, a directory of images, the name of a data set; None for the file beside the model, or
    made-up samples where there is none. normalize: how pixels become inputs. Arrays may be in the layout of the model
    file (channels first for ONNX; where the two shapes are the same, this one counts) or of the .tflite.

    Raises: UserError where they can't be read or don't fit the model.
    """
    for one in source.inputs:
        _check_input(one, source)
    normalization = None if normalize is None else parse_normalization(normalize)
    if spec is None:
        beside = samples_beside(source.path)
        if not beside.is_file():
            return guess_samples(source, limit)
        spec = str(beside)
    samples = _read(spec, source, normalization, limit)
    check_values(samples, source, spec)
    return samples


def _read(spec: str, source: Source, normalization: Normalization | None, limit: int) -> Samples:
    if spec in DATASETS:
        return _from_dataset(spec, source.inputs, normalization, limit)
    path = Path(spec)
    if path.is_dir():
        return _from_images(path, source.inputs, normalization, limit)
    if not path.is_file():
        raise UserError(f"samples {spec}: there is no such file, directory or data set", hint=KINDS_HINT)
    return _from_arrays(path, source.inputs, normalization, limit)


def check_values(samples: Samples, source: Source, spec: str) -> None:
    """Raises: UserError where the values can't be inputs of the model, or the labels none of its classes."""
    for one, array in zip(source.inputs, samples.arrays, strict=True):
        low, high = float(array.min()), float(array.max())
        if low == high:
            raise UserError(
                f"samples {spec}: all values for {one.name} are {low:g}; ranges can't be found with them",
                hint="give inputs as the model will meet them",
            )
        if max(-low, high) > MAX_VALUE:
            raise UserError(
                f"samples {spec}: the values for {one.name} lie in {low:g}..{high:g}, which int8 can't hold apart",
                hint="prepare them as for training; --normalize maps pixels",
            )
    classes = source.graph.tensors[source.graph.outputs[0]].shape[-1:]
    if samples.labels is not None and classes and classes[0] > 1 and int(samples.labels.max()) >= classes[0]:
        raise UserError(
            f"samples {spec}: y holds the class {int(samples.labels.max())}; the model has {classes[0]}, from 0",
            hint="number the classes as in training, or leave y out",
        )


def looks_like_pixels(samples: Samples) -> bool:
    """Whole numbers from 0 to 255 in float: what a picture holds before training scales it."""
    return any(
        float(array.max()) > 16 and float(array.min()) >= 0 and float(array.max()) <= 255 and not np.mod(array, 1).any()
        for array in samples.arrays
    )


def _check_input(one: ModelInput, source: Source) -> None:
    if one.dtype is not DType.FLOAT32 or one.shape[:1] != (1,):
        raise UserError(
            f"{source.path}: input {one.name} is {one.dtype} {list(one.shape)}; to quantize, sapmcu needs float32 "
            "inputs with batch 1",
            hint="export the float model with batch 1",
        )


def _only(inputs: Sequence[ModelInput], what: str) -> ModelInput:
    if len(inputs) != 1:
        raise UserError(
            f"{what} fits a model with one input; this one has {len(inputs)}: {', '.join(one.name for one in inputs)}",
            hint="give a .npz with one array for each input, by its name",
        )
    return inputs[0]


def _from_dataset(name: str, inputs: Sequence[ModelInput], normalization: Normalization | None, limit: int) -> Samples:
    data = DATASETS[name]("train")
    one = _only(inputs, f"the data set {name}")
    chosen = _choice(len(data.images), limit)
    chosen_images = data.images[chosen]
    if chosen_images.shape[1:] != one.sample_shape:
        raise UserError(
            f"the data set {name} has pictures of {list(chosen_images.shape[1:])}; the model's input {one.name} "
            f"takes {list(one.sample_shape)}",
            hint="give samples of the data that the model was trained on",
        )
    normalization = normalization or parse_normalization(PIXELS_TO_UNIT)
    origin = f"{len(chosen):,} of {data.origin}, pixels to {normalization.text}"
    return Samples((normalization.apply(chosen_images),), data.labels[chosen], origin, is_guessed=False)


def _from_images(path: Path, inputs: Sequence[ModelInput], normalization: Normalization | None, limit: int) -> Samples:
    one = _only(inputs, "a directory of images")
    pixels, labels, origin = load_images(path, one.sample_shape, limit)
    normalization = normalization or parse_normalization(PIXELS_TO_UNIT)
    array = normalization.apply(pixels)
    return Samples((array,), labels, f"{origin}, pixels to {normalization.text}", is_guessed=False)


def _from_arrays(path: Path, inputs: Sequence[ModelInput], normalization: Normalization | None, limit: int) -> Samples:
    arrays = read_arrays(path)
    if normalization is None and "normalize" in arrays:
        normalization = parse_normalization(str(arrays["normalize"]))
    named = _by_input(arrays, inputs, path)
    counts = {name: len(array) if array.ndim else 0 for name, array in named.items()}
    if min(counts.values()) == 0 or len(set(counts.values())) != 1:
        raise UserError(
            f"{path}: the arrays hold {', '.join(f'{count} ({name})' for name, count in counts.items())} samples",
            hint="the first axis counts the samples; it must be the same in all arrays, and above 0",
        )
    count = next(iter(counts.values()))
    chosen = _choice(count, limit)
    labels = _labels(arrays["y"], count, path)[chosen] if "y" in arrays else None
    fitted = [_fitted(named[one.name][chosen], one, normalization, path) for one in inputs]
    return Samples(tuple(fitted), labels, f"{len(chosen):,} of {count:,} in {path.name}", is_guessed=False)


def read_arrays(path: Path) -> dict[str, Array]:
    """The arrays of a .npz; a .npy is x. Objects are refused: unpickling them runs code."""
    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            return {"x": loaded} if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, MemoryError) as error:
        is_object = "pickle" in str(error).lower() and path.suffix in (".npy", ".npz")
        raise UserError(
            f"{path} can't be read as .npy or .npz",
            hint="it may hold objects instead of numbers: save one plain array" if is_object else KINDS_HINT,
            details=(f"{type(error).__name__}: {error}",),
        ) from error


def _by_input(arrays: Mapping[str, Array], inputs: Sequence[ModelInput], path: Path) -> dict[str, Array]:
    names = [one.name for one in inputs]
    if all(name in arrays for name in names):
        return {name: arrays[name] for name in names}
    if "x" in arrays and len(names) == 1:
        return {names[0]: arrays["x"]}
    expected = "x" if len(names) == 1 else "one for each input"
    raise UserError(
        f"{path} has the arrays {', '.join(arrays) or 'none'}; the model's inputs are {', '.join(names)}",
        hint=f"name them: {expected} ({', '.join(names)}), and y for labels",
    )


def _fitted(array: Array, one: ModelInput, normalization: Normalization | None, path: Path) -> Array:
    """One input's samples as float32 in the layout of the .tflite."""
    if array.dtype.kind not in "fiub":
        raise UserError(f"{path}: the samples are of type {array.dtype}", hint="save them as numbers: float32 or uint8")
    array = _laid_out(array, one, path)
    if normalization is not None:
        array = normalization.apply(array)
    elif array.dtype == np.uint8:
        raise UserError(
            f"{path}: the samples for {one.name} are pixels (uint8), and nothing says how they become inputs",
            hint="--normalize 0..1 where training divided by 255, --normalize 0..255 where it took them as they are",
        )
    with np.errstate(over="ignore"):
        array = np.ascontiguousarray(array, np.float32)
    is_bad = ~np.isfinite(array).reshape(len(array), -1).all(axis=1)
    if is_bad.any():
        raise UserError(
            f"{path}: {int(is_bad.sum()):,} of {len(array):,} samples for {one.name} hold NaN or infinity, "
            f"the first is number {int(is_bad.argmax())}",
            hint="remove them, or look for a division by zero in the preparation of the data",
        )
    return array


def _laid_out(array: Array, one: ModelInput, path: Path) -> Array:
    shape = array.shape[1:]
    if one.is_channels_first and shape == one.file_sample_shape:
        return np.moveaxis(array, 1, -1)
    if shape == one.sample_shape:
        return array
    if (*shape, 1) == one.sample_shape:  # grey pictures without an axis for it
        return array[..., None]
    layouts = " or ".join(str(list(s)) for s in dict.fromkeys((one.file_sample_shape, one.sample_shape)))
    raise UserError(
        f"{path}: one sample has the shape {list(shape)}; the model's input {one.name} takes {layouts}",
        hint="the first axis of the array counts the samples, the others are one input of the model",
    )


def _labels(array: Array, count: int, path: Path) -> Array:
    """Class numbers; one-hot rows are understood."""
    if array.ndim == 2 and array.shape[1] > 1:
        array = array.argmax(axis=1)
    array = array.reshape(-1)
    if len(array) != count or array.dtype.kind not in "iufb" or not np.array_equal(array, np.round(array)):
        raise UserError(
            f"{path}: y must hold one class number for each of the {count} samples; it has {len(array)} of type "
            f"{array.dtype}",
            hint="save y as integers from 0, or one-hot",
        )
    if array.min(initial=0) < 0:
        raise UserError(f"{path}: y holds the class {array.min()}", hint="classes count from 0")
    return array.astype(np.int64)


def _choice(count: int, limit: int) -> Array:
    """Indices of `limit` of `count` samples, mixed, the same each time, in rising order."""
    return np.sort(np.random.default_rng(0).permutation(count)[:limit])
