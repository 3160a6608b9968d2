# SPDX-License-Identifier: Apache-2.0
"""`sapmcu pool`, and a network with self-attentive pooling from training to emulated boards."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import Ran, sapmcu
from keras_models import keras_models
from quiet_keras import keras, layers
from reference_models import ROOT, reference_model

from sapmcu.quantize.datasets import load_digits

pytestmark = pytest.mark.needs("tensorflow", "tf_keras", "unicorn")

Run = Callable[..., Ran]
NETWORK = ROOT / "models/fashion_mnist/dscnn.h5"
L = keras.layers


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return lambda *arguments: sapmcu(capsys, monkeypatch, *arguments)


def test_places_are_listed_with_what_they_save(run: Run) -> None:
    ran = run("pool", NETWORK)
    assert ran.code == 0, ran.err
    assert "block1_depthwise  strided conv  2×2     28×28×16  12,544  14×14×16  3,136  5,488" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80
    sites = json.loads(run("pool", NETWORK, "--json").out)
    assert set(sites) == {"schema", "model", "peak_bytes", "peak_layer", "sites"}
    assert set(sites["sites"][0]) == {
        *("name", "kind", "pool_size", "strides", "input_shape", "output_shape", "saves_bytes"),
    }


def test_pools_are_replaced_in_a_file_which_then_converts(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "new.keras"
    at = ("--at", "block1_depthwise, block3_depthwise")
    ran = run("pool", NETWORK, "--with", "sap", *at, "--option", "patch_size=7", "-o", out, "--json")
    assert ran.code == 0, ran.err
    done = json.loads(ran.out)
    assert (done["kind"], done["names"]) == ("sap", ["block1_depthwise", "block3_depthwise"])
    assert done["parameters"][0] < done["parameters"][1]
    model = keras.models.load_model(out, compile=False)
    pool = model.get_layer("block1_depthwise_pool")
    assert isinstance(pool, layers.SelfAttentivePooling2D) and pool.patch_size == (7, 7)
    np.testing.assert_array_equal(
        model.get_layer("classes").kernel, keras.models.load_model(NETWORK, compile=False).get_layer("classes").kernel
    )
    assert [path.name for path in tmp_path.iterdir()] == ["new.keras"]
    assert run("convert", out, "--board", "nucleo_f446re", "-o", tmp_path / "project").code == 0


def test_a_file_of_keras_2_is_rewritten_for_keras_3(run: Run, tmp_path: Path) -> None:
    model, out = reference_model("mlperf_ic_resnet.h5"), tmp_path / "new.keras"
    sites = json.loads(run("pool", model, "--json").out)["sites"]
    assert [one["input_shape"][:2] for one in sites] == [[32, 32], [32, 32], [16, 16], [16, 16], [8, 8]]
    ran = run("pool", model, "--with", "max", "--at", sites[0]["name"], "-o", out)
    assert ran.code == 0, ran.err
    assert keras.models.load_model(out, compile=False).count_params() == 78_666


@pytest.mark.parametrize(
    ("model", "arguments", "code", "message"),
    [
        (NETWORK, ("--at", "stm", "-o", "x.keras"), 1, "did you mean stem"),
        (NETWORK, ("--at", "stem", "-o", "x.keras"), 1, "stem doesn't down-sample"),
        (NETWORK, ("--at", "stem", "-o", "x.tflite"), 1, "x.tflite doesn't end in .keras or .h5"),
        (NETWORK, ("--at", "stem", "-o", "no/x.keras"), 1, "no/x.keras can't be made"),
        (NETWORK, ("--at", "stem", "-o", NETWORK), 1, "dscnn.h5 exists"),
        (
            NETWORK,
            ("--at", "block1_depthwise", "-o", "x.h5", "--option", "patch=1"),
            1,
            "pooling sap has no option patch",
        ),
        (NETWORK, ("--at", "stem", "-o", "x.h5", "--option", "patch"), 1, "--option patch isn't NAME=VALUE"),
        (NETWORK, ("--at", "stem"), 2, "--at needs -o"),
        (NETWORK, ("-o", "x.keras"), 2, "need --at"),
        (NETWORK, ("--with", "maximum"), 2, "Invalid value for '--with'"),
        ("none.keras", (), 1, "none.keras does not exist"),
        (reference_model("tflm_hello_world_int8.tflite"), (), 1, "is no Keras model"),
    ],
)
def test_mistakes_get_one_sentence(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Any, arguments: Any, code: int, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run("pool", model, *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert message in ran.err and "Traceback" not in ran.err
    assert not list(tmp_path.iterdir())


def test_a_model_that_holds_code_is_refused(run: Run) -> None:
    assert "holds program code" in run("pool", keras_models() / "lambda3.keras").err


def network(**options: Any) -> Any:
    image = keras.Input((24, 24, 1), name="image")
    x = L.Conv2D(8, 3, padding="same", use_bias=False)(image)
    x = L.ReLU(name="stem")(L.BatchNormalization(momentum=0.9)(x))
    x = layers.SelfAttentivePooling2D(4, name="pool", **options)(x)
    x = L.Conv2D(24, 3, padding="same", use_bias=False)(x)
    x = L.ReLU(name="second")(L.BatchNormalization(momentum=0.9)(x))
    x = L.Dense(10, activation="softmax", name="classes")(L.GlobalAveragePooling2D(name="mean")(x))
    return keras.Model(image, x, name="sap")


@pytest.fixture(scope="module", params=[{}, {"normalize": False}], ids=["normalised", "nowin"])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a network trained on enlarged digits, and samples that it wasn't trained on."""
    directory = tmp_path_factory.mktemp("sap")
    train, test = load_digits("train"), load_digits("test")
    pictures = [np.kron(one.images / np.float32(255), np.ones((1, 3, 3, 1), np.float32)) for one in (train, test)]
    keras.utils.set_random_seed(0)
    model = network(**request.param)
    falling = keras.optimizers.schedules.CosineDecay(0.01, 12 * 45)
    model.compile(keras.optimizers.Adam(falling), "sparse_categorical_crossentropy")
    model.fit(pictures[0], train.labels, batch_size=32, epochs=12, verbose=0)
    model.save(directory / "sap.keras")
    np.savez(directory / "sap.npz", x=pictures[1], y=test.labels)
    return directory


@pytest.mark.needs("qemu-system-arm", "arm-none-eabi-gcc")
def test_trained_network_keeps_its_answers_in_int8_and_on_every_core(run: Run, trained: Path) -> None:
    """The native engine's bytes are TFLM's, on Cortex-M4, M0+ and M55; the int8 network answers as the float one."""
    arguments = ("--samples", trained / "sap.npz", "--per-layer")
    ran = run("convert", trained / "sap.keras", "--board", "nucleo_f446re", "-o", trained / "m4", *arguments)
    assert ran.code == 0, ran.err
    accuracy = json.loads((trained / "m4/report.json").read_text())["accuracy"]
    assert accuracy["argmax_agreement"] >= 0.98
    assert round(abs(accuracy["int8_accuracy"] - accuracy["float_accuracy"]), 6) <= 0.01  # two of 200
    assert {"pool"} <= {layer["layer"] for layer in accuracy["layers"]}
    assert run("run", trained / "m4").code == 0
    for board in ("nucleo_g0b1re", "mps3_an547"):
        project = trained / board
        assert run("convert", trained / "m4/model.tflite", "--board", board, "-o", project).code == 0
        ran = run("run", project)
        assert ran.code == 0, ran.err
        assert "outputs equal" in ran.out
