# SPDX-License-Identifier: Apache-2.0
"""A converted project from its directory to the verdict: run, test, JUnit, the pytest fixture."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from command import sapmcu
from native_project import write_graph_project
from networks_by_hand import Network
from small_graphs import padded, residual

from sapmcu.emulation import run_project, test_project
from sapmcu.errors import UserError
from sapmcu.ir.cascade import Cascade
from sapmcu.ir.graph import Array, Graph
from sapmcu.ir.run import Difference
from sapmcu.ir.twins import Twins
from sapmcu.lower import lower_graph
from sapmcu.lower.graph import lower_ops
from sapmcu.pipeline import native_graph
from sapmcu.plan.rows import CascadeOptions, plan_cascades
from sapmcu.report.junit import describe_difference, render_junit
from sapmcu.vectors import load_vectors

BOARD = "nucleo_f446re"
pytestmark = pytest.mark.needs("arm-none-eabi-gcc", "unicorn")
EMULATORS = ["unicorn", pytest.param("qemu", marks=pytest.mark.needs("qemu-system-arm"))]


def inputs(count: int = 3) -> list[tuple[Array, ...]]:
    random = np.random.default_rng(1)
    return [(random.integers(-128, 128, (1, 4, 4, 2), np.int8),) for _ in range(count)]


def project(directory: Path, patch: dict[str, str] | None = None) -> Path:
    return write_graph_project(directory, BOARD, residual(), inputs(), patch)


def spoil(directory: Path) -> Path:
    """A firmware whose op 1 gives a wrong byte."""
    offset = lower_graph(residual(), twins=Twins.DSP).plan.offset_bytes["b"]
    wrong = f"((volatile char *)sapmcu_residual_model.arena)[{offset + 5}] ^= 16; END_OP(1);"
    return project(directory, {"END_OP(1);": wrong})


@pytest.mark.parametrize("emulator", EMULATORS)
def test_run_gives_the_expected_bytes_and_the_figures(tmp_path: Path, emulator: str) -> None:
    run = run_project(project(tmp_path), emulator)
    assert run.outputs_equal is True and run.emulator == emulator
    assert run.outputs == (load_vectors(tmp_path)[0].outputs,)
    assert run.measurement.instructions is not None
    assert 0 < run.stack_bytes < 1024 and run.code_bytes < 16384 and run.static_bytes <= 72
    assert run.arena_bytes == lower_graph(residual(), twins=Twins.DSP).plan.arena_bytes


def test_run_takes_the_users_inputs(tmp_path: Path) -> None:
    project(tmp_path)
    np.save(tmp_path / "x.npy", inputs()[2][0])
    run = run_project(tmp_path, inputs=[tmp_path / "x.npy"])
    assert run.outputs_equal is None
    assert run.outputs == (load_vectors(tmp_path)[2].outputs,)


def test_an_input_of_the_wrong_size_is_refused(tmp_path: Path) -> None:
    project(tmp_path)
    np.save(tmp_path / "x.npy", np.zeros(31, np.int8))
    with pytest.raises(UserError, match=r"the inputs have \[31\] bytes; residual takes \[32\]"):
        run_project(tmp_path, inputs=[tmp_path / "x.npy"])
    with pytest.raises(UserError, match="can't be read"):
        run_project(tmp_path, inputs=[tmp_path / "model.tflite"])


@pytest.mark.parametrize("emulator", EMULATORS)
def test_all_vectors_of_a_right_firmware_are_equal(tmp_path: Path, emulator: str) -> None:
    done = test_project(project(tmp_path), emulator)
    assert len(done.results) == 3 and done.first_difference is None


@pytest.mark.parametrize("emulator", EMULATORS)
def test_the_first_op_that_differs_is_found(tmp_path: Path, emulator: str) -> None:
    difference = test_project(spoil(tmp_path), emulator).first_difference
    assert difference is not None and difference.op == 1
    assert (difference.vector, difference.output, difference.index) == (0, 0, 5)


@pytest.mark.parametrize("emulator", EMULATORS)
@pytest.mark.parametrize("by_rows", [False, True], ids=["input in memory", "input by rows"])
def test_the_first_op_that_differs_is_found_by_rows_too(tmp_path: Path, emulator: str, by_rows: bool) -> None:
    """A kernel that is wrong is so in a plan of whole tensors, too."""
    graph = rows_net()
    plan = plan_cascades(graph, lower_ops(graph, twins=Twins.DSP), CascadeOptions(by_rows=by_rows))
    assert any(isinstance(part, Cascade) for part in plan.parts)
    random = np.random.default_rng(1)
    images = [(random.integers(-128, 128, (1, 12, 12, 4), np.int8),) for _ in range(2)]
    program = lower_graph(graph, twins=Twins.DSP, cascades=plan)
    write_graph_project(tmp_path, BOARD, graph, images, program=program)
    kernel = next((tmp_path / "firmware" / "kernels").rglob("sapmcu_depthwise_conv2d_row_s8.c"))
    text = kernel.read_text()
    at = text.rindex("}")
    kernel.write_text(f"{text[:at]}    y[-1] ^= 64;\n{text[at:]}")
    difference = test_project(tmp_path, emulator).first_difference
    assert difference is not None and difference.op == 1


def rows_net() -> Graph:
    net = Network((12, 12), 4)
    return net.graph(net.conv(net.depthwise(net.conv(net.x, 8, (3, 3)), (5, 5)), 8))


def test_an_op_is_counted_as_the_engine_runs_it(tmp_path: Path) -> None:
    """Its graph has no PAD, which model.tflite has."""
    graph = padded()
    offset = lower_graph(native_graph(graph)[0], twins=Twins.DSP).plan.offset_bytes["b"]
    wrong = f"((volatile char *)sapmcu_padded_model.arena)[{offset}] ^= 16; END_OP(0);"
    random = np.random.default_rng(1)
    images = [(random.integers(-128, 128, (1, 6, 6, 2), np.int8),)]
    write_graph_project(tmp_path, BOARD, graph, images, {"END_OP(0);": wrong})
    difference = test_project(tmp_path).first_difference
    assert difference is not None and difference.op == 0


def test_without_the_model_the_op_stays_unknown(tmp_path: Path) -> None:
    spoil(tmp_path)
    (tmp_path / "model.tflite").unlink()
    difference = test_project(tmp_path).first_difference
    assert difference is not None and difference.op is None


def test_junit_has_a_case_for_each_vector(tmp_path: Path) -> None:
    suite = ElementTree.fromstring(render_junit(test_project(spoil(tmp_path))))[0]
    assert (suite.attrib["tests"], suite.attrib["failures"]) == ("3", "3")
    assert [case.attrib["name"] for case in suite] == ["vector 0", "vector 1", "vector 2"]
    assert "op 1 is the first to differ" in suite[0][0].attrib["message"]


def test_the_result_is_shown_where_its_file_can_not_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = sapmcu(capsys, monkeypatch, "test", project(tmp_path), "--junit", tmp_path / "none/report.xml")
    assert ran.code == 1 and "error: " in ran.err and "report.xml can't be written" in ran.err
    assert "3 of 3 vectors equal in every byte" in " ".join(ran.out.split())


def test_a_difference_is_one_line() -> None:
    line = "vector 2: output 0 byte 5: expected 1, got 255"
    assert describe_difference(Difference(2, 0, 5, 1, 255)) == line
    assert describe_difference(Difference(2, 0, 5, 1, 255, op=3)) == f"{line}; op 3 is the first to differ"


PLUGIN = ("-p", "no:sapmcu", "-p", "sapmcu.pytest_plugin", "-p", "no:cacheprovider")
"""By its module: the entry point is there only where sapmcu was installed with it."""
USERS_TEST = """
from pathlib import Path

def test_vector(sapmcu_device):
    data = Path("project/testdata")
    sapmcu_device.write_input(0, (data / "0000_input_0.bin").read_bytes())
    sapmcu_device.run()
    assert sapmcu_device.read_output(0, 32) == (data / "0000_output_0.bin").read_bytes()
"""


def pytest_of_a_user(directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    (directory / "test_firmware.py").write_text(USERS_TEST)
    command = [sys.executable, "-m", "pytest", *PLUGIN, "-q", "--rootdir", str(directory), *options]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("link", ["semihosting", pytest.param("uart", marks=pytest.mark.needs("qemu-system-arm"))])
def test_the_fixture_serves_a_users_tests(tmp_path: Path, link: str) -> None:
    project(tmp_path / "project")
    done = pytest_of_a_user(tmp_path, "--sapmcu-project", "project", "--sapmcu-link", link, "test_firmware.py")
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr


def test_the_fixture_says_what_it_lacks(tmp_path: Path) -> None:
    done = pytest_of_a_user(tmp_path, "test_firmware.py")
    assert done.returncode == 1 and "needs --sapmcu-project DIR" in done.stdout
    done = pytest_of_a_user(tmp_path, "--sapmcu-project", "nowhere", "test_firmware.py")
    assert "build.json can't be read" in done.stdout
