# SPDX-License-Identifier: Apache-2.0
"""Quantize a trained network of this directory, measure it, note the facts: python -m models.zoo fashion_mnist/dscnn

Writes NAME.tflite beside NAME.h5, and the network's table in zoo.toml, which a test measures again. A network with a
recipe NAME.toml comes from the directory that `sapmcu train` wrote: `--run DIRECTORY` takes weights, samples and card.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from models.fashion_mnist.train import Recipe as FashionRecipe
from sapmcu.emit.tflite import write_tflite
from sapmcu.frontends.source import load_source
from sapmcu.frontends.tflite import read_tflite
from sapmcu.ir.cost import graph_macs
from sapmcu.ir.source import Source
from sapmcu.lower import order_graph
from sapmcu.pipeline import rewrite
from sapmcu.quantize.accuracy import interpreter
from sapmcu.quantize.quantizer import check_full_int8, quantize_source
from sapmcu.quantize.samples import load_samples, samples_beside
from sapmcu.train.data import Split, Splits, load_splits
from sapmcu.train.measure import find_int8, pixels_to_real
from sapmcu.train.recipe import load_recipe
from sapmcu.train.task import CLASSIFICATION

MODELS = Path(__file__).parent
ZOO = MODELS / "zoo.toml"
BATCH = 100
TENTH = 10
HEADER = """\
# SPDX-License-Identifier: Apache-2.0
# The trained networks of this directory. Written by `python -m models.zoo NAME`, measured again by
# tests/unit/models/test_zoo.py. Accuracies are shares of the whole test set; int8 with TFLM's bytes. agreement: how
# often int8 finds the class that float finds. ..._tenth_accuracy: of each tenth picture of the test set alone.
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
    float_tenth_accuracy: float
    int8_tenth_accuracy: float
    agreement: float
    h5_sha256: str
    tflite_sha256: str
    samples_sha256: str


@dataclass(frozen=True)
class Origin:
    """How the weights came about: definition or recipe, data in their parts, seed, epochs."""

    definition: str
    splits: Splits
    seed: int
    epochs: int


def origin_of(name: str) -> Origin:
    """By the recipe beside the network; without one it is trained by models/fashion_mnist/train.py."""
    path = MODELS / f"{name}.toml"
    if not path.exists():
        return Origin(f"{name}.py", load_splits("fashion-mnist"), FashionRecipe().seed, FashionRecipe().epochs)
    recipe = load_recipe(path)
    return Origin(f"{name}.toml", recipe.load_data(), recipe.training.seed, recipe.training.epochs)


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


def install(name: str, run: Path) -> None:
    """Take what `sapmcu train` made: the network as .h5, its samples, its card."""
    from sapmcu.frontends.keras import load_keras

    model, _ = load_keras(lambda _: None, str(run / "model.keras"))
    model.save(MODELS / f"{name}.h5", include_optimizer=False)
    shutil.copyfile(run / "model.samples.npz", MODELS / f"{name}.samples.npz")
    shutil.copyfile(run / "card.md", MODELS / f"{name}.card.md")


def quantize(name: str) -> tuple[Source, bytes]:
    """The float source and the int8 model, calibrated with NAME.samples.npz."""
    source = load_source(MODELS / f"{name}.h5")
    quantized = quantize_source(source, load_samples(None, source))
    check_full_int8(read_tflite(quantized.tflite, source.path.stem), source)
    return source, quantized.tflite


def find_float(tflite: bytes, part: Split) -> list[int]:
    """The class that a float classifier finds in each picture."""
    runtime = interpreter(tflite)
    given = runtime.get_input_details()[0]["index"]
    found: list[int] = []
    for start in range(0, len(part), BATCH):
        images = pixels_to_real(part.images[start : start + BATCH])
        runtime.resize_tensor_input(given, images.shape)
        runtime.allocate_tensors()
        runtime.set_tensor(given, images)
        runtime.invoke()
        found += runtime.get_tensor(runtime.get_output_details()[0]["index"]).argmax(axis=1).tolist()
    return found


def find_int8_classes(tflite: bytes, part: Split) -> Sequence[int]:
    """The class that the int8 network finds in each picture, with TFLM's bytes."""
    graph, _ = order_graph(rewrite(read_tflite(tflite, "network", is_quantized_here=True))[0])
    return find_int8(CLASSIFICATION, graph, write_tflite(graph), part)


def tenth(part: Split) -> Split:
    """Each tenth picture: what a test has time for."""
    return part.part(slice(None, None, TENTH))


def count_parameters(path: Path) -> int:
    """Numbers in the weights of a Keras .h5."""
    import h5py

    sizes: list[int] = []
    with h5py.File(path, "r") as file:
        file["model_weights"].visititems(lambda _, item: sizes.append(item.size) if hasattr(item, "size") else None)
    return sum(sizes)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def measure(name: str, source: Source, tflite: bytes) -> Facts:
    """All facts of one network, measured."""
    h5, origin = MODELS / f"{name}.h5", origin_of(name)
    splits = origin.splits
    found, in_float = find_int8_classes(tflite, splits.test), find_float(source.tflite, splits.test)
    return Facts(
        definition=origin.definition,
        data_set=splits.name,
        split=f"{len(splits.train):,} train, {len(splits.validation):,} validate (epoch and calibration), "
        f"{len(splits.test):,} test",
        seed=origin.seed,
        epochs=origin.epochs,
        tensorflow=version("tensorflow"),
        parameters=count_parameters(h5),
        macs=graph_macs(read_tflite(tflite, h5.stem)),
        float_test_accuracy=CLASSIFICATION.score(in_float, splits.test),
        int8_test_accuracy=CLASSIFICATION.score(found, splits.test),
        float_tenth_accuracy=CLASSIFICATION.score(in_float[::TENTH], tenth(splits.test)),
        int8_tenth_accuracy=CLASSIFICATION.score(found[::TENTH], tenth(splits.test)),
        agreement=CLASSIFICATION.agreement(found, in_float),
        h5_sha256=sha256(h5),
        tflite_sha256=hashlib.sha256(tflite).hexdigest(),
        samples_sha256=sha256(samples_beside(h5)),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="directory and name of the network, for instance fashion_mnist/dscnn")
    parser.add_argument("--run", type=Path, help="the directory that `sapmcu train` wrote for NAME.toml")
    options = parser.parse_args()
    name = options.name
    if options.run:
        install(name, options.run)
    source, tflite = quantize(name)
    facts = measure(name, source, tflite)
    (MODELS / f"{name}.tflite").write_bytes(tflite)
    write_zoo({**(load_zoo() if ZOO.exists() else {}), name: facts})
    print(
        f"{name}: float {facts.float_test_accuracy:.2%}, int8 {facts.int8_test_accuracy:.2%}, "
        f"agreement {facts.agreement:.2%}",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
