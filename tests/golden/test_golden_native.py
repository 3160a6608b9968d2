# SPDX-License-Identifier: Apache-2.0
"""What the C of a native model looks like. `make golden` rewrites it; read the diff."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from native_data.pulled import pulled_plan
from native_data.small_net import row_net, small_net

from sapmcu.emit.native import emit_model_table, emit_native
from sapmcu.emit.origin import Origin
from sapmcu.lower import lower_graph

GOLDEN = Path(__file__).parent / "native"
ORIGIN = Origin("0.0.0", "sapmcu convert small-net.tflite --engine native")
SHA256 = bytes(range(32)).hex()
GENERATED = (
    "sapmcu_small_net.h",
    "sapmcu_small_net.c",
    "sapmcu_row_net.h",
    "sapmcu_row_net.c",
    "models.c",
)


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    by_rows = lower_graph(row_net(), cascades=pulled_plan(row_net(), by_rows=True))
    return {
        **emit_native(lower_graph(small_net()), SHA256, ORIGIN),
        **emit_native(by_rows, SHA256, ORIGIN),
        **emit_model_table(["small-net"], ORIGIN),
    }


@pytest.mark.parametrize("name", GENERATED)
def test_generated_c_looks_as_before(files: dict[str, bytes], name: str) -> None:
    golden = GOLDEN / name
    if "SAPMCU_UPDATE_GOLDEN" in os.environ:
        golden.write_bytes(files[name])
    assert files[name].decode("ascii") == golden.read_text(encoding="ascii"), "make golden"


def test_golden_directory_has_just_these_files(files: dict[str, bytes]) -> None:
    assert sorted(files) == sorted(path.name for path in GOLDEN.iterdir()) == sorted(GENERATED)
