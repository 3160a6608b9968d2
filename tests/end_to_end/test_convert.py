# SPDX-License-Identifier: Apache-2.0
"""`sapmcu convert` on real models: what it writes is whole, right and always the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import Ran, sapmcu
from reference_models import ROOT, reference_model
from small_graphs import branches, padded

from sapmcu.emit.tflite import write_tflite
from sapmcu.frontends.tflite import load_tflite
from sapmcu.ir.memory import Kernels
from sapmcu.ir.text import parse_text
from sapmcu.passes import PASSES
from sapmcu.plan.memory import plan_memory
from sapmcu.plan.tflm.target import target_for
from sapmcu.run import tflm_host

Run = Callable[..., Ran]
ZOO_MODEL = ROOT / "models/fashion_mnist/dscnn.h5"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return lambda *arguments: sapmcu(capsys, monkeypatch, *arguments)


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def check_output(out: Path) -> dict[str, Any]:
    """The written model gives the written outputs, and the reports speak of it."""
    report: dict[str, Any] = json.loads((out / "report.json").read_text())
    model = (out / "model.tflite").read_bytes()
    assert report["sha256"] == hashlib.sha256(model).hexdigest()
    assert report["files"] == sorted(tree(out))
    graph = load_tflite(out / "model.tflite")
    memory = plan_memory(graph, len(model), target_for(Kernels.CMSIS_NN))
    header = (out / "firmware/model_data.h").read_text()
    assert f"#define SAPMCU_ARENA_BYTES {memory.tflm.required_bytes}\n" in header
    vectors = json.loads((out / "testdata/vectors.json").read_text())
    inputs = [
        [
            np.fromfile(out / f"testdata/{number:04}_input_{index}.bin", one["type"]).reshape(one["shape"])
            for index, one in enumerate(vectors["inputs"])
        ]
        for number in range(vectors["vectors"])
    ]
    for number, outputs in enumerate(tflm_host.invoke(model, inputs, len(graph.outputs))):
        for index, output in enumerate(outputs):
            assert (out / f"testdata/{number:04}_output_{index}.bin").read_bytes() == output.tobytes()
    return report


def test_int8_models_are_converted(run: Run, tflite_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = run("convert", tflite_model, "--board", "stm32h7", "-o", out)
    assert ran.code == 0, ran.err
    report = check_output(out)
    assert report["check"]["vectors"] == 30
    engines = set(report["check"]["engines"])
    assert engines - {"tflm, model as read", "reference, native graph"} == {"tflm", "reference"}
    assert report["accuracy"] is None
    assert "30 of 30" in ran.out
    *page, wrote = ran.out.splitlines()  # its command is never broken
    assert max(map(len, page)) <= 80 and wrote.startswith("wrote ")


def test_ops_run_in_the_order_that_needs_least_memory(run: Run, tmp_path: Path) -> None:
    path, out = tmp_path / "branches.tflite", tmp_path / "out"
    path.write_bytes(write_tflite(branches()))
    ran = run("convert", path, "--board", "nucleo_f446re", "-o", out)
    assert ran.code == 0, ran.err
    native = {"arena_bytes": 528, "bound_bytes": 528, "whole_ops_bytes": 528, "file_order_bytes": 784}
    native |= {"is_order_best": True, "is_by_rows": False, "outputs_by_rows": [], "cascaded_ops": [], "extra_macs": 0}
    native |= {"apart": []}
    assert check_output(out)["native"] == native
    assert "least of all orders" in ran.out and "in file's order" in ran.out
    assert [op.name for op in load_tflite(out / "model.tflite").ops] == ["a", "c", "f", "b", "d", "e", "y"]


def test_same_input_same_bytes(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = reference_model("tflm_micro_speech_quantized.tflite")
    trees = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        assert run("convert", model, "--board", "nucleo_f446re", "-o", "out").code == 0
        trees.append(tree(tmp_path / name / "out"))
    assert trees[0] == trees[1]


def test_default_directory_is_model_and_board(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("convert", reference_model("tflm_hello_world_int8.tflite"), "--board", "stm32h7").code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["tflm_hello_world_int8-nucleo_h743zi2"]


def test_what_to_type_next_can_be_pasted(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "dir with späces"
    ran = run("convert", reference_model("tflm_hello_world_int8.tflite"), "--board", "stm32h7", "-o", out)
    assert f"sapmcu run '{out}' runs its firmware" in ran.out


def test_our_network_takes_the_samples_beside_it(run: Run, tmp_path: Path) -> None:
    """The job of `make demo`."""
    out = tmp_path / "out"
    ran = run("convert", ZOO_MODEL, "--board", "stm32h7", "-o", out, "--per-layer")
    assert ran.code == 0, ran.err
    accuracy = check_output(out)["accuracy"]
    assert isinstance(accuracy, dict)
    assert accuracy["argmax_agreement"] > 0.97
    assert accuracy["int8_accuracy"] > 0.9
    sqnr = [layer["sqnr_db"] for layer in accuracy["layers"]]
    assert sqnr == sorted(sqnr) and sqnr[0] > 10
    assert "made up" not in ran.err


def test_a_keras_2_model_without_samples_is_converted_with_a_warning(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    model = reference_model("mlperf_ic_resnet.h5")
    ran = run("convert", model, "--board", "stm32h7", "-o", out)
    assert ran.code == 0, ran.err
    report = check_output(out)
    assert report["is_guessed"] is True
    assert report["accuracy"] is None
    for text in (ran.err, ran.out, str(report["warnings"])):
        assert "made up" in text and "--samples" in text
    strict = run("convert", model, "--board", "stm32h7", "-o", tmp_path / "strict", "--strict")
    assert strict.code == 1
    assert "--strict forbids" in strict.err
    assert not (tmp_path / "strict").exists()


def test_an_onnx_model_with_samples_is_converted(run: Run, tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    samples = tmp_path / "x.npz"
    np.savez(samples, x=random.random((12, 1, 28, 28), np.float32), y=random.integers(0, 10, 12))
    out = tmp_path / "out"
    ran = run(
        "convert",
        reference_model("onnx2c_mnist.onnx"),
        "--board",
        "rpi_pico",
        "-o",
        out,
        "--samples",
        samples,
        "--json",
    )
    assert ran.code == 0, ran.err
    report = check_output(out)
    assert json.loads(ran.out) == report
    accuracy = report["accuracy"]
    assert isinstance(accuracy, dict)
    assert accuracy["samples"] == 12 and accuracy["outputs"][0]["sqnr_db"] > 15


def test_float_samples_that_look_like_pixels_are_pointed_out(run: Run, tmp_path: Path) -> None:
    samples = tmp_path / "x.npy"
    np.save(samples, np.random.default_rng(0).integers(0, 256, (5, 28, 28, 1)).astype(np.float32))
    ran = run("convert", ZOO_MODEL, "--board", "stm32h7", "-o", tmp_path / "out", "--samples", samples)
    assert ran.code == 0
    assert "whole numbers up to 255" in ran.err


def test_what_rewrites_saved_is_told(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = run("convert", reference_model("tflm_hello_world_int8.tflite"), "--board", "stm32h7", "-o", out)
    assert "rewrite drop-dead-channels" in ran.out and "−4 filters" in ran.out and "−68 MACs" in ran.out
    (one,) = json.loads((out / "report.json").read_text())["rewrites"]
    assert (one["name"], one["filters_before"] - one["filters_after"], one["mends"]) == ("drop-dead-channels", 4, False)
    assert set(one) == {"name", "mends", "engine"} | {
        f"{key}_{when}"
        for key in ("ops", "tensors", "filters", "macs", "constant_bytes", "live_bytes")
        for when in ("before", "after")
    }


def test_a_pad_that_a_file_needs_is_folded_for_the_native_engine(run: Run, tmp_path: Path) -> None:
    model, out = tmp_path / "padded.tflite", tmp_path / "out"
    model.write_bytes(write_tflite(padded()))
    ran = run("convert", model, "--board", "stm32h7", "-o", out)
    assert "native fold-pads" in ran.out and "−1 ops" in ran.out
    report = check_output(out)
    assert [op["type"] for op in report["memory"]["ops"]] == ["PAD", "CONV_2D", "CONV_2D"]
    (one,) = report["rewrites"]
    assert (one["name"], one["engine"], one["ops_after"]) == ("fold-pads", "native", 2)
    assert report["check"] == {"vectors": 30, "engines": ["tflm", "reference", "reference, native graph"]}
    assert "/* op 0 conv_2d: " in (out / "firmware/sapmcu_padded.c").read_text()


def test_dump_ir_writes_every_pass(run: Run, tmp_path: Path) -> None:
    model = reference_model("tflm_hello_world_int8.tflite")
    ran = run("convert", model, "--board", "stm32h7", "-o", tmp_path / "out", "--dump-ir", tmp_path / "ir")
    assert ran.code == 0
    names = sorted(path.name for path in (tmp_path / "ir").iterdir())
    passes = [f"{number}-{one.name}.txt" for number, one in enumerate(PASSES, 1)]
    assert names == ["0-as-read.txt", *passes, f"{len(PASSES) + 1}-order.txt"]
    assert "FullyConnected(" in (tmp_path / "ir/0-as-read.txt").read_text()


CHANNELS_FIRST = """
graph first ""
tensor x [1,3,6,6] float32
const perm [4] int32 = 0 2 3 1
const filter [4,3,3,3] float32 = sha256:filter
const bias [4] float32 = 0.0 1.0 -1.0 0.5
tensor t [1,6,6,3] float32
tensor y [1,4,4,4] float32
input x
output y
t = Transpose(x, perm)
y = Conv2D(t, filter, bias, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), activation=0.0..inf)
"""


@pytest.fixture
def channels_first(tmp_path: Path) -> tuple[Path, Path]:
    """A float model that moves its input's channels last, and samples for it."""
    random = np.random.default_rng(0)
    filters = random.normal(size=(4, 3, 3, 3)).astype(np.float32).tobytes()
    model, samples = tmp_path / "first.tflite", tmp_path / "x.npy"
    model.write_bytes(write_tflite(parse_text(CHANNELS_FIRST, {"sha256:filter": filters})))
    np.save(samples, random.normal(size=(20, 3, 6, 6)).astype(np.float32))
    return model, samples


def test_the_host_transposes_on_request(run: Run, tmp_path: Path, channels_first: tuple[Path, Path]) -> None:
    model, samples = channels_first
    reports = {}
    for layout in ("file", "nhwc"):
        out = tmp_path / layout
        options = ("--samples", samples, "--input-layout", layout, "--per-layer")
        ran = run("convert", model, "--board", "stm32h7", "-o", out, *options)
        assert ran.code == 0, ran.err
        reports[layout] = check_output(out)
    before, after = reports["file"], reports["nhwc"]
    assert (before["inputs"][0]["shape"], before["inputs"][0]["file_axes"]) == ([1, 3, 6, 6], None)
    assert (after["inputs"][0]["shape"], after["inputs"][0]["file_axes"]) == ([1, 6, 6, 3], [0, 2, 3, 1])
    assert "axes 0, 2, 3, 1" in " ".join(ran.out.split())
    assert [op["type"] for op in after["memory"]["ops"]] == ["CONV_2D"]
    assert "tflm, model as read" in after["check"]["engines"]
    assert after["accuracy"]["outputs"] == before["accuracy"]["outputs"]  # the same samples, moved
    first, second = (
        np.fromfile(tmp_path / layout / "testdata/0000_input_0.bin", np.int8).reshape(shape)
        for layout, shape in (("file", (3, 6, 6)), ("nhwc", (6, 6, 3)))
    )
    np.testing.assert_array_equal(first.transpose(1, 2, 0), second)


def test_a_layout_that_changes_nothing_is_told(run: Run, tmp_path: Path) -> None:
    model = reference_model("tflm_hello_world_int8.tflite")
    ran = run("convert", model, "--board", "stm32h7", "-o", tmp_path / "out", "--input-layout", "nhwc")
    assert ran.code == 0 and "--input-layout is not used" in ran.err


OPAQUE = """
graph svdf ""
tensor x [1,8] int8 (0.05, 3)
const feature [4,8] int8 (0.02, 0) = sha256:feature
const time [4,5] int8 (0.02, 0) = sha256:time
const bias [2] int32 (0.0004, 0) = 5 -5
variable state [1,20] int8 (0.02, 0)
tensor y [1,2] int8 (0.05, 3)
input x
output y
y = Opaque(x, feature, time, bias, state, code='SVDF', version=3, custom_code='', options_type='SVDFOptions', \
options=(('rank', 2), ('fusedActivationFunction', 0), ('asymmetricQuantizeInputs', False)), custom_options=b'', \
intermediates=())
"""


def test_an_opaque_op_is_carried_along_and_named(run: Run, tmp_path: Path) -> None:
    constants = {"sha256:feature": bytes(range(32)), "sha256:time": bytes(range(20))}
    model = tmp_path / "svdf.tflite"
    model.write_bytes(write_tflite(parse_text(OPAQUE, constants)))
    out = tmp_path / "out"
    ran = run("convert", model, "--board", "stm32h7", "-o", out)
    assert ran.code == 0, ran.err
    report = check_output(out)
    assert report["check"] == {"vectors": 30, "engines": ["tflm"]}
    assert "SVDF: opaque to sapmcu" in ran.out
    assert "AddSvdf(" in (out / "firmware/model_ops.h").read_text()


REPORT_KEYS = {
    "schema", "model", "format", "producer", "quantizer", "narrowed_ranges", "samples", "is_guessed", "sha256",
    "inputs", "outputs", "memory", "rewrites", "check", "accuracy", "engines", "native", "native_ops",
    "warnings", "files",
}  # fmt: skip
BOARD_KEYS = {
    "name", "title", "vendor", "mcu", "core", "fpu", "dsp", "mve", "clock", "memory", "defaults", "uart", "emulator",
    "flash_methods", "sources", "aliases", "start", "reset", "boot", "choice",
}  # fmt: skip


def test_json_keys_of_convert_and_boards_are_a_contract(run: Run, tmp_path: Path) -> None:
    model = reference_model("tflm_hello_world_int8.tflite")
    report = json.loads(run("convert", model, "--board", "stm32h7", "-o", tmp_path / "out", "--json").out)
    assert report["schema"] == 1 and set(report) == REPORT_KEYS
    boards = json.loads(run("boards", "--json").out)
    assert boards["schema"] == 1 and all(set(board) == BOARD_KEYS for board in boards["boards"])
