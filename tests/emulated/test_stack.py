# SPDX-License-Identifier: Apache-2.0
"""The stack by the graph of calls, and as the emulator sees it: a bound, and a close one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from native_data.small_net import small_net
from native_project import write_graph_project
from reference_models import ROOT

from sapmcu.build.firmware import build_firmware
from sapmcu.build.project import load_project
from sapmcu.frontends.tflite import load_tflite
from sapmcu.run.session import Firmware, start

GCC = pytest.param("gcc", marks=pytest.mark.needs("arm-none-eabi-gcc"))
ZIG = pytest.param("zig", marks=pytest.mark.needs("ziglang"))
SLACK_BYTES = 32
"""Frames begin with what is aligned, or spilled on some paths only; the emulator sees the words that are written."""


@pytest.mark.needs("unicorn")
@pytest.mark.parametrize("toolchain", [GCC, ZIG])
@pytest.mark.parametrize(("name", "board"), [("small_net", "rpi_pico"), ("dscnn", "nucleo_f446re")])
def test_the_worst_case_is_just_above_what_is_measured(tmp_path: Path, name: str, board: str, toolchain: str) -> None:
    graph = small_net() if name == "small_net" else load_tflite(ROOT / "models/fashion_mnist/dscnn.tflite")
    inputs = [np.zeros(graph.tensors[one].shape, np.int8) for one in graph.inputs]
    write_graph_project(tmp_path, board, graph, [inputs])
    build = build_firmware(tmp_path, toolchain)
    with start(Firmware(load_project(tmp_path / "firmware"), build), "unicorn") as session:
        for index, value in enumerate(inputs):
            session.device.write_input(index, value.tobytes())
        session.device.run()
        measured = session.measure().stack_bytes
    assert measured is not None and build.worst_stack_bytes is not None
    assert measured <= build.worst_stack_bytes <= measured + SLACK_BYTES
