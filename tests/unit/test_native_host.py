# SPDX-License-Identifier: Apache-2.0
"""Networks compiled for this machine: TFLM's bytes, and what goes on where a compiler or its program fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from reference_models import ROOT
from small_graphs import branches, padded, residual

from sapmcu.emit.tflite import write_tflite
from sapmcu.errors import ToolError
from sapmcu.execution import COMPARED, COMPILED_MACS, executor
from sapmcu.frontends.tflite import load_tflite
from sapmcu.ir.graph import Array, Graph
from sapmcu.ir.text import parse_text
from sapmcu.native_host import COMPILERS, NativeHost, host_compiler
from sapmcu.reference import run_graph
from sapmcu.run import tflm_host

GCC = ("gcc",)
ALWAYS = COMPILED_MACS
"""So many runs that any network is compiled."""

HIGH_WINDOW = f"""
graph high "a window of more rows than the native engine takes"
tensor x [1,80,2,1] int8 (0.5, -3)
const filter [1,40,1,1] int8 (0.01, 0) = {" ".join(map(str, range(-20, 20)))}
tensor y [1,41,2,1] int8 (0.5, -3)
input x
output y
y = Conv2D(x, filter, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), activation=-128..127)
"""


def varied(graph: Graph, count: int) -> list[list[Array]]:
    """Inputs of noise."""
    generator = np.random.default_rng(count)
    tensors = [graph.tensors[name] for name in graph.inputs]
    return [[generator.integers(-128, 128, one.shape, np.int8) for one in tensors] for _ in range(count)]


def by_reference(graph: Graph, inputs: list[list[Array]]) -> list[list[bytes]]:
    values = (run_graph(graph, one) for one in inputs)
    return [[one[name].tobytes() for name in graph.outputs] for one in values]


def as_bytes(outputs: list[list[Array]]) -> list[list[bytes]]:
    return [[array.tobytes() for array in one] for one in outputs]


@pytest.fixture
def fake_gcc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a shell script first on PATH; in it $program is where gcc would write the executable."""

    def make(script: str) -> None:
        path = tmp_path / "gcc"
        path.write_text(f'#!/bin/sh\nfor program; do :; done\n{script}\nchmod +x "$program"\n')
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    return make


@pytest.mark.needs("gcc")
@pytest.mark.parametrize("make", [residual, branches, padded])
def test_small_graph_gives_the_references_bytes(make: Callable[[], Graph]) -> None:
    graph = make()
    inputs = varied(graph, 20)
    host = NativeHost(graph, GCC)
    assert as_bytes(host.run(inputs)) == by_reference(graph, inputs)
    assert as_bytes(host.run(inputs[5:6])) == by_reference(graph, inputs[5:6])
    assert host.run([]) == []


@pytest.mark.needs("gcc", "tflite_micro")
def test_network_with_self_attentive_pooling_gives_tflms_bytes() -> None:
    """Rows longer than a vector, filters of more numbers and more of them than are multiplied at a time."""
    path = ROOT / "models/fashion_scenes/mobilenet_v2_sap.tflite"
    graph = load_tflite(path)
    inputs = varied(graph, 8)
    expected = as_bytes(tflm_host.invoke(path.read_bytes(), inputs, len(graph.outputs)))
    assert as_bytes(NativeHost(graph, GCC).run(inputs)) == expected


@pytest.mark.needs("ziglang")
def test_clang_gives_the_references_bytes() -> None:
    graph = residual()
    inputs = varied(graph, 5)
    command = compiler_where_none_is_installed()
    assert as_bytes(NativeHost(graph, command).run(inputs)) == by_reference(graph, inputs)


def compiler_where_none_is_installed() -> tuple[str, ...]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "")
        command = host_compiler()
    assert command is not None
    assert command[0] not in COMPILERS
    return command


@pytest.mark.needs("gcc")
def test_compiler_that_does_not_know_this_machine_is_asked_again(fake_gcc: Callable[[str], None]) -> None:
    fake_gcc('case "$*" in *-march=native*) exit 1;; esac\nexec /usr/bin/gcc "$@"')
    graph = residual()
    inputs = varied(graph, 3)
    assert as_bytes(NativeHost(graph, GCC).run(inputs)) == by_reference(graph, inputs)


def test_failed_compiler_is_named(fake_gcc: Callable[[str], None]) -> None:
    fake_gcc("echo error: no space left; exit 4")
    with pytest.raises(ToolError, match="residual doesn't compile for this machine") as caught:
        NativeHost(residual(), GCC)
    assert caught.value.details[-2:] == ("exit code: 4", "error: no space left")


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("exit 4", "note: residual doesn't compile for this machine"),
        ("printf '#!/bin/sh\\nkill -SEGV $$' > \"$program\"", "note: residual, compiled for this machine, crashed"),
        ('echo no program > "$program"', "note: residual, compiled for this machine, can't be started"),
    ],
)
def test_failure_leaves_the_slower_way(script: str, told: str, fake_gcc: Callable[[str], None]) -> None:
    fake_gcc(script)
    graph, lines = residual(), list[str]()
    inputs = varied(graph, 3)
    execute = executor(graph, write_tflite(graph), native=graph, runs=ALWAYS, progress=lines.append)
    for _ in range(2):
        assert as_bytes(execute(inputs)) == by_reference(graph, inputs)
    assert len(lines) == 1
    assert lines[0].startswith(told)
    assert lines[0].endswith("so this takes longer; the figures are the same")


def test_other_bytes_are_a_bug(fake_gcc: Callable[[str], None]) -> None:
    fake_gcc("printf '#!/bin/sh\\ncat' > \"$program\"")  # inputs and outputs of residual() have one size
    graph = residual()
    execute = executor(graph, write_tflite(graph), native=graph, runs=ALWAYS)
    with pytest.raises(AssertionError, match="residual, compiled for this machine, computes other bytes from input 0"):
        execute(varied(graph, COMPARED + 1))


def test_few_runs_are_not_worth_a_compiler(fake_gcc: Callable[[str], None]) -> None:
    fake_gcc("exit 4")
    graph, lines = residual(), list[str]()
    executor(graph, write_tflite(graph), native=graph, runs=1000, progress=lines.append)(varied(graph, 1))
    assert not lines


@pytest.mark.needs("gcc")
def test_op_that_the_engine_does_not_know_leaves_the_slower_way() -> None:
    """It is no failure."""
    graph, lines = parse_text(HIGH_WINDOW), list[str]()
    inputs = varied(graph, 2)
    execute = executor(graph, write_tflite(graph), native=graph, runs=ALWAYS, progress=lines.append)
    assert as_bytes(execute(inputs)) == by_reference(graph, inputs)
    assert not lines
