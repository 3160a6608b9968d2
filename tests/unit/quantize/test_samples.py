# SPDX-License-Identifier: Apache-2.0
"""--samples: what is taken, in which layout, and what is said of what can't be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sapmcu.errors import UserError
from sapmcu.ir.graph import Array, DType, Graph, Tensor
from sapmcu.ir.ops import Mul, Range
from sapmcu.ir.source import ModelFormat, ModelInput, Source
from sapmcu.quantize.samples import load_samples

UNBOUNDED = Range(-np.inf, np.inf)


def source_of(directory: Path, *inputs: ModelInput, gain: float = 2.0) -> Source:
    """A float model that multiplies each input by `gain`."""
    gains = Tensor("gain", (), DType.FLOAT32, data=np.float32(gain).tobytes())
    tensors = {"gain": gains}
    for one in inputs:
        tensors[one.name] = Tensor(one.name, one.shape, one.dtype)
        tensors[f"{one.name}_out"] = Tensor(f"{one.name}_out", one.shape, one.dtype)
    ops = tuple(Mul((one.name, "gain"), (f"{one.name}_out",), UNBOUNDED) for one in inputs)
    names = tuple(one.name for one in inputs)
    graph = Graph("m", tensors, ops, names, tuple(f"{name}_out" for name in names))
    return Source(directory / "m.h5", ModelFormat.KERAS_H5, "Keras", b"", graph, inputs)


def picture(shape: tuple[int, ...] = (1, 4, 5, 3), *, is_channels_first: bool = False) -> ModelInput:
    return ModelInput("pic", shape, DType.FLOAT32, is_channels_first)


def saved(path: Path, **arrays: object) -> str:
    np.savez(path, **arrays)
    return str(path)


def test_npy_is_taken_as_it_is(tmp_path: Path) -> None:
    array = np.random.default_rng(0).random((7, 4, 5, 3))
    np.save(tmp_path / "a.npy", array)
    samples = load_samples(str(tmp_path / "a.npy"), source_of(tmp_path, picture()))
    np.testing.assert_array_equal(samples.arrays[0], array.astype(np.float32))
    assert (samples.arrays[0].dtype, samples.labels, samples.is_guessed) == (np.float32, None, False)
    assert samples.origin == "7 of 7 in a.npy"


def test_limit_takes_a_mixture_with_its_labels(tmp_path: Path) -> None:
    x = np.arange(50, dtype=np.float32).reshape(50, 1)
    spec = saved(tmp_path / "a.npz", x=x, y=np.arange(50))
    source = source_of(tmp_path, ModelInput("v", (1, 1), DType.FLOAT32))
    samples = load_samples(spec, source, limit=10)
    assert samples.labels is not None
    assert samples.labels.tolist() == samples.arrays[0][:, 0].tolist()
    assert len(set(samples.labels.tolist())) == len(samples) == 10
    assert samples.labels.max() > 20
    np.testing.assert_array_equal(load_samples(spec, source, limit=10).arrays[0], samples.arrays[0])


def varied(*shape: int) -> Array:
    return np.random.default_rng(1).random(shape, np.float32)


def test_one_hot_labels_become_classes(tmp_path: Path) -> None:
    spec = saved(tmp_path / "a.npz", x=varied(3, 4, 5, 3), y=np.eye(3)[[2, 0, 1]])
    samples = load_samples(spec, source_of(tmp_path, picture()))
    assert samples.labels is not None
    assert samples.labels.tolist() == [2, 0, 1]


def test_several_inputs_by_name(tmp_path: Path) -> None:
    one, two = ModelInput("wide", (1, 6), DType.FLOAT32), ModelInput("narrow", (1, 3), DType.FLOAT32)
    spec = saved(tmp_path / "a.npz", narrow=varied(2, 3), wide=varied(2, 6))
    samples = load_samples(spec, source_of(tmp_path, one, two))
    assert [array.shape for array in samples.arrays] == [(2, 6), (2, 3)]
    assert [[a.shape for a in batch] for batch in samples.batches()] == [[(1, 6), (1, 3)]] * 2


def test_channels_first_samples_are_moved(tmp_path: Path) -> None:
    array = np.random.default_rng(0).random((2, 3, 4, 5)).astype(np.float32)
    source = source_of(tmp_path, picture(is_channels_first=True))
    first = load_samples(saved(tmp_path / "a.npz", x=array), source)
    last = load_samples(saved(tmp_path / "b.npz", x=np.moveaxis(array, 1, -1)), source)
    np.testing.assert_array_equal(first.arrays[0], np.moveaxis(array, 1, -1))
    np.testing.assert_array_equal(first.arrays[0], last.arrays[0])


def test_where_shapes_tell_nothing_the_layout_of_the_file_counts(tmp_path: Path) -> None:
    array = np.random.default_rng(0).random((2, 3, 3, 3)).astype(np.float32)
    source = source_of(tmp_path, picture((1, 3, 3, 3), is_channels_first=True))
    samples = load_samples(saved(tmp_path / "a.npz", x=array), source)
    np.testing.assert_array_equal(samples.arrays[0], np.moveaxis(array, 1, -1))


def test_grey_pictures_need_no_channel_axis(tmp_path: Path) -> None:
    spec = saved(tmp_path / "a.npz", x=varied(2, 4, 5))
    assert load_samples(spec, source_of(tmp_path, picture((1, 4, 5, 1)))).arrays[0].shape == (2, 4, 5, 1)


def test_pixels_need_a_normalization(tmp_path: Path) -> None:
    pixels = np.arange(256 - 120, 256, dtype=np.uint8).reshape(2, 4, 5, 3)
    source = source_of(tmp_path, picture())
    spec = saved(tmp_path / "a.npz", x=pixels)
    with pytest.raises(UserError, match="nothing says how they become inputs") as caught:
        load_samples(spec, source)
    assert "--normalize 0..1" in str(caught.value.hint)
    assert load_samples(spec, source, normalize="-1..1").arrays[0].max() == 1.0
    inside = saved(tmp_path / "b.npz", x=pixels, normalize="0..2")
    assert load_samples(inside, source).arrays[0].max() == 2.0
    assert load_samples(inside, source, normalize="0..255").arrays[0].max() == 255.0


def test_file_beside_the_model_is_the_default(tmp_path: Path) -> None:
    saved(tmp_path / "m.samples.npz", x=varied(3, 4, 5, 3))
    samples = load_samples(None, source_of(tmp_path, picture()))
    assert (samples.origin, samples.is_guessed) == ("3 of 3 in m.samples.npz", False)


@pytest.mark.parametrize(
    ("shape", "gain", "low", "high"),
    [
        ((1, 4, 5, 3), 2.0, 0, 1),
        ((1, 4, 5, 3), 1 / 255, 0, 255),
        ((1, 4, 5, 3), 1 / 127.5, 0, 255),
        ((1, 40), 2.0, -1, 1),
    ],
)
def test_made_up_samples_say_so(tmp_path: Path, shape: tuple[int, ...], gain: float, low: float, high: float) -> None:
    source = source_of(tmp_path, picture(shape), gain=gain)
    samples = load_samples(None, source)
    assert samples.is_guessed
    assert samples.labels is None
    assert f"made up: pic in {low}..{high}" in samples.origin
    (array,) = samples.arrays
    assert (array.shape, array.dtype) == ((64, *shape[1:]), np.float32)
    assert low <= array.min() <= low + 0.05 * (high - low)
    assert high - 0.05 * (high - low) <= array.max() <= high
    np.testing.assert_array_equal(load_samples(None, source).arrays[0], array)


BAD_ARRAYS = [
    ({"x": np.zeros((2, 4, 5, 4))}, r"one sample has the shape \[4, 5, 4\]; .* takes \[4, 5, 3\]"),
    ({"x": np.zeros((4, 5, 3))}, r"one sample has the shape \[5, 3\]"),
    ({"x": np.zeros((0, 4, 5, 3))}, r"the arrays hold 0 \(pic\) samples"),
    ({"x": np.float32(3)}, r"the arrays hold 0 \(pic\) samples"),
    ({"images": np.zeros((2, 4, 5, 3))}, "has the arrays images; the model's inputs are pic"),
    ({"x": np.full((2, 4, 5, 3), np.nan)}, "2 of 2 samples for pic hold NaN or infinity, the first is number 0"),
    ({"x": np.full((2, 4, 5, 3), 1e300)}, "hold NaN or infinity"),
    ({"x": np.full((2, 4, 5, 3), "a")}, "the samples are of type <U1"),
    ({"x": np.zeros((2, 4, 5, 3)), "y": [1]}, "y must hold one class number for each of the 2 samples"),
    ({"x": np.zeros((2, 4, 5, 3)), "y": [0.5, 1]}, "y must hold one class number"),
    ({"x": np.zeros((2, 4, 5, 3)), "y": [-1, 1]}, "y holds the class -1"),
    ({"x": np.zeros((2, 4, 5, 3)), "normalize": "grey"}, "--normalize 'grey'"),
]


@pytest.mark.parametrize(("arrays", "message"), BAD_ARRAYS)
def test_arrays_that_cannot_work_are_named(tmp_path: Path, arrays: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        load_samples(saved(tmp_path / "a.npz", **arrays), source_of(tmp_path, picture()))
    assert caught.value.hint


def test_objects_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"code": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match=r"a\.npy can't be read") as caught:
        load_samples(str(tmp_path / "a.npy"), source_of(tmp_path, picture()))
    assert "objects instead of numbers" in str(caught.value.hint)


@pytest.mark.parametrize("name", ["a.npz", "a.npy"])
@pytest.mark.parametrize("kept", [0, 10, 200, -30])
def test_truncated_files_are_named(tmp_path: Path, name: str, kept: int) -> None:
    path = tmp_path / name
    array = np.random.default_rng(0).random((20, 4, 5, 3))
    if name == "a.npz":
        np.savez_compressed(path, x=array)
    else:
        np.save(path, array)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UserError, match=f"{name} can't be read"):
        load_samples(str(path), source_of(tmp_path, picture()))


def test_what_is_nowhere_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such file, directory or data set") as caught:
        load_samples("fashion_mnist", source_of(tmp_path, picture()))
    assert "fashion-mnist" in str(caught.value.hint)


@pytest.mark.needs("sklearn")
def test_named_set_must_fit(tmp_path: Path) -> None:
    samples = load_samples("digits", source_of(tmp_path, picture((1, 8, 8, 1))), limit=30)
    assert samples.arrays[0].shape == (30, 8, 8, 1)
    assert (samples.arrays[0].min(), samples.arrays[0].max()) == (0.0, 1.0)
    assert samples.origin == "30 of digits, train split of 1,438, pixels to 0..1"
    with pytest.raises(UserError, match=r"digits has pictures of \[8, 8, 1\]; .* takes \[4, 5, 3\]"):
        load_samples("digits", source_of(tmp_path, picture()))


def test_one_array_does_not_fit_two_inputs(tmp_path: Path) -> None:
    source = source_of(tmp_path, picture(), ModelInput("more", (1, 3), DType.FLOAT32))
    with pytest.raises(UserError, match="fits a model with one input; this one has 2: pic, more"):
        load_samples("digits", source)


@pytest.mark.parametrize(("dtype", "shape"), [(DType.INT32, (1, 4)), (DType.FLOAT32, (8, 4))])
def test_only_float_inputs_of_batch_1_are_calibrated(tmp_path: Path, dtype: DType, shape: tuple[int, ...]) -> None:
    source = source_of(tmp_path, replace(picture(shape), dtype=dtype))
    with pytest.raises(UserError, match="needs float32 inputs with batch 1"):
        load_samples(None, source)
