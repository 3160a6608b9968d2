# SPDX-License-Identifier: Apache-2.0
"""The facts of models/zoo.toml, measured again."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from reference_models import ROOT

from sapmcu.frontends.tflite import load_tflite, read_tflite
from sapmcu.ir.cost import graph_macs
from sapmcu.quantize.quantizer import is_full_int8
from sapmcu.train.task import CLASSIFICATION

sys.path.insert(0, str(ROOT))  # models/ is no package of the wheel

from models import zoo
from models.fashion_mnist.train import augmented

pytestmark = [
    pytest.mark.needs("h5py"),
    pytest.mark.parametrize("name", sorted(zoo.load_zoo())),
]


def test_files_are_those_that_were_measured(name: str) -> None:
    facts = zoo.load_zoo()[name]
    assert zoo.sha256(zoo.MODELS / f"{name}.h5") == facts.h5_sha256
    assert zoo.sha256(zoo.MODELS / f"{name}.tflite") == facts.tflite_sha256
    assert zoo.sha256(zoo.MODELS / f"{name}.samples.npz") == facts.samples_sha256
    assert (zoo.MODELS / facts.definition).is_file()


def test_network_is_int8_and_of_the_stated_size(name: str) -> None:
    facts, graph = zoo.load_zoo()[name], load_tflite(zoo.MODELS / f"{name}.tflite")
    assert is_full_int8(graph)
    assert graph_macs(graph) == facts.macs
    assert zoo.count_parameters(zoo.MODELS / f"{name}.h5") == facts.parameters


def test_int8_accuracy_is_the_stated_one(name: str) -> None:
    part = zoo.tenth(zoo.origin_of(name).splits.test)
    found = zoo.find_int8_classes((zoo.MODELS / f"{name}.tflite").read_bytes(), part)
    assert CLASSIFICATION.score(found, part) == zoo.load_zoo()[name].int8_tenth_accuracy


@pytest.mark.needs("tensorflow")
def test_h5_gives_the_int8_file_and_the_stated_float_accuracy(name: str) -> None:
    """Up to the rounding of the machine's float kernels."""
    source, again = zoo.quantize(name)
    part = zoo.tenth(zoo.origin_of(name).splits.test)
    accuracy = CLASSIFICATION.score(zoo.find_float(source.tflite, part), part)
    assert accuracy == pytest.approx(zoo.load_zoo()[name].float_tenth_accuracy, abs=3e-3)
    stored, made = load_tflite(zoo.MODELS / f"{name}.tflite"), read_tflite(again, "again")
    assert list(made.tensors) == list(stored.tensors)
    for tensor, other in zip(made.tensors.values(), stored.tensors.values(), strict=True):
        assert (tensor.quantization is None) == (other.quantization is None)
        if tensor.quantization and other.quantization:
            np.testing.assert_allclose(tensor.quantization.scales, other.quantization.scales, rtol=1e-3)


def test_samples_are_of_the_validation_part(name: str) -> None:
    stored, part = np.load(zoo.MODELS / f"{name}.samples.npz"), zoo.origin_of(name).splits.validation
    held_out = {image.tobytes(): int(label) for image, label in zip(part.images, part.labels, strict=True)}
    assert np.bincount(stored["y"]).tolist() == [20] * 10
    assert all(held_out[image.tobytes()] == label for image, label in zip(stored["x"], stored["y"], strict=True))


def test_augmentation_moves_and_mirrors(name: str) -> None:
    images = np.zeros((200, 5, 5, 1), np.float32)
    images[:, 2, 1] = 1
    moved = augmented(images, np.random.default_rng(0), 1)
    assert moved.shape == images.shape
    assert (moved.sum(axis=(1, 2, 3)) == 1).all()
    places = set(zip(*np.nonzero(moved)[1:3], strict=True))
    assert places == {(row, column) for row in (1, 2, 3) for column in (0, 1, 2, 3, 4)}
