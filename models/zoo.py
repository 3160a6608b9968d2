# SPDX-License-Identifier: Apache-2.0
"""Quantize a trained network of this directory, measure it, note the facts: python -m models.zoo fashion_mnist/dscnn

Writes NAME.tflite beside NAME.h5, and the network's table in zoo.toml, which a test measures again.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from models.fashion_mnist.train import Recipe
from sapmcu.frontends.source import load_source
from sapmcu.frontends.tflite import read_tflite
from sapmcu.ir.cost import graph_macs
from sapmcu.ir.graph import Array
from sapmcu.ir.source import Source
from sapmcu.quantize.accuracy import interpreter, quantize_array
from sapmcu.quantize.datasets import load_fashion_mnist
from sapmcu.quantize.quantizer import check_full_int8, quantize_source
from sapmcu.quantize.samples import load_samples, samples_beside

MODELS = Path(__file__).parent
ZOO = MODELS / "zoo.toml"
BATCH = 100
HEADER = """\
# SPDX-License-Identifier: Apache-2.0
# The trained networks of this directory. Written by `python -m models.zoo NAME`, measured again by
# tests/unit/models/test_zoo.py. Accuracies are shares of the whole test set; int8 on TFLite's reference kernels.
"""


@dataclass(frozen=True)
class Facts:
    """One network. parameters: of the .h5, batch normalization's means and variances included. macs: of the .tflite."""

    definition: str
    data_set: str
    split: str
    seed: int
    epochs: int
    tensorflow: str
    parameters: int
    macs: int
    float_test_accuracy: float
    int8_test_accuracy: float
    h5_sha256: str
    tflite_sha256: str
    samples_sha256: str


def load_zoo() -> dict[str, Facts]:
    """All networks by name."""
    return {name: Facts(**table) for name, table in tomllib.loads(ZOO.read_text(encoding="utf-8")).items()}


def write_zoo(zoo: Mapping[str, Facts]) -> None:
    """Tables by name; each value as TOML has it, which for text and numbers is as Python has it."""
    tables = []
    for name in sorted(zoo):
        lines = [f"{key} = {_toml(value)}" for key, value in asdict(zoo[name]).items()]
        tables.append("\n".join([f'["{name}"]', *lines]))
    ZOO.write_text(HEADER + "\n" + "\n\n".join(tables) + "\n", encoding="utf-8")


def _toml(value: str | int | float) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def quantize(name: str) -> tuple[Source, bytes]:
    """The float source and the int8 model, calibrated with NAME.samples.npz."""
    source = load_source(MODELS / f"{name}.h5")
    quantized = quantize_source(source, load_samples(None, source))
    check_full_int8(read_tflite(quantized.tflite, source.path.stem), source)
    return source, quantized.tflite


def accuracy_on_test_set(tflite: bytes) -> float:
    """The share of Fashion-MNIST's 10,000 test pictures that a float or int8 classifier gets right."""
    data = load_fashion_mnist("test")
    graph = read_tflite(tflite, "network")
    tensor = graph.tensors[graph.inputs[0]]
    images: Array = data.images.astype(np.float32) / 255
    if not tensor.dtype.is_float:
        images = quantize_array(images, tensor)
    runtime = interpreter(tflite)
    runtime.resize_tensor_input(runtime.get_input_details()[0]["index"], (BATCH, *tensor.shape[1:]))
    runtime.allocate_tensors()
    right = 0
    for start in range(0, len(images), BATCH):
        runtime.set_tensor(runtime.get_input_details()[0]["index"], images[start : start + BATCH])
        runtime.invoke()
        found = runtime.get_tensor(runtime.get_output_details()[0]["index"]).argmax(axis=1)
        right += int((found == data.labels[start : start + BATCH]).sum())
    return right / len(images)


def count_parameters(path: Path) -> int:
    """Numbers in the weights of a Keras .h5."""
    import h5py

    sizes: list[int] = []
    with h5py.File(path, "r") as file:
        file["model_weights"].visititems(lambda _, item: sizes.append(item.size) if hasattr(item, "size") else None)
    return sum(sizes)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def measure(name: str, source: Source, tflite: bytes, recipe: Recipe) -> Facts:
    """All facts of one network, measured."""
    h5 = MODELS / f"{name}.h5"
    kept = 60_000 - recipe.validation_images
    return Facts(
        definition=f"{name}.py",
        data_set="fashion-mnist",
        split=f"train 0..{kept - 1}, validation {kept}..59999 (epoch and calibration), test 10000",
        seed=recipe.seed,
        epochs=recipe.epochs,
        tensorflow=version("tensorflow"),
        parameters=count_parameters(h5),
        macs=graph_macs(read_tflite(tflite, h5.stem)),
        float_test_accuracy=accuracy_on_test_set(source.tflite),
        int8_test_accuracy=accuracy_on_test_set(tflite),
        h5_sha256=sha256(h5),
        tflite_sha256=hashlib.sha256(tflite).hexdigest(),
        samples_sha256=sha256(samples_beside(h5)),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="directory and name of the network, for instance fashion_mnist/dscnn")
    name = parser.parse_args().name
    source, tflite = quantize(name)
    facts = measure(name, source, tflite, Recipe())
    (MODELS / f"{name}.tflite").write_bytes(tflite)
    write_zoo({**(load_zoo() if ZOO.exists() else {}), name: facts})
    print(f"{name}: float {facts.float_test_accuracy:.2%}, int8 {facts.int8_test_accuracy:.2%}", file=sys.stderr)


if __name__ == "__main__":
    main()
