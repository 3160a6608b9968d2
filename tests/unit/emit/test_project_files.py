# SPDX-License-Identifier: Apache-2.0
"""The files of a firmware project: which, and what they say."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace

import pytest
from small_graphs import residual

from sapmcu.boards.board import load_board
from sapmcu.emit.origin import Origin
from sapmcu.emit.project import VERBATIM, emit_project
from sapmcu.emit.vectors import EMBEDDED_BYTES
from sapmcu.errors import UserError
from sapmcu.firmware_files import firmware_dir, firmware_file
from sapmcu.ir.vectors import Vector

ORIGIN = Origin("1.2.3", "sapmcu convert model.tflite --board mps2_an386")
MODEL = bytes(range(256)) * 2
VECTORS = (Vector((bytes(range(32)),), (bytes(32),)), Vector((bytes(32),), (bytes(range(32)),)))


def project(board: str = "mps2_an386", arena_bytes: int = 1001, command: str = ORIGIN.command) -> dict[str, bytes]:
    origin = Origin(ORIGIN.version, command)
    return emit_project(residual(), MODEL, load_board(board), arena_bytes, VECTORS, origin)


def test_the_project_is_complete() -> None:
    assert set(project()) == {
        *(f"firmware/{path}" for path in VERBATIM),
        "firmware/board.cmake",
        "firmware/ld/memory.ld",
        "firmware/ld/tflm-qemu/memory.ld",
        "firmware/port/board.h",
        "firmware/port/board_tflm.c",
        "firmware/port/board_tflm_qemu.c",
        "firmware/port/dwt.c",
        "firmware/port/fpgaio.c",
        "firmware/port/semihosting.c",
        "firmware/port/steps.h",
        "firmware/port/uart/cmsdk.c",
        "firmware/port/uart/stream.c",
        "firmware/port/uart/uart.h",
        "firmware/port/uart_board.c",
        "firmware/port/uart_qemu.c",
        "firmware/tflm.json",
        "firmware/model_data.cc",
        "firmware/model_data.h",
        "firmware/model_ops.h",
        "firmware/test_vectors.c",
        "firmware/test_vectors.h",
        "testdata/vectors.json",
        *(f"testdata/{number:04}_{role}_0.bin" for number in range(2) for role in ("input", "output")),
    }


def test_the_same_input_gives_the_same_bytes() -> None:
    assert list(project().items()) == list(project().items())


def test_hand_written_files_come_unchanged() -> None:
    files = project()
    for path, source in VERBATIM.items():
        assert files[f"firmware/{path}"] == (firmware_dir() / source).read_bytes() == firmware_file(source)


def test_the_model_is_in_the_array_byte_for_byte() -> None:
    files = project()
    body = re.search(rb"= \{\n(.*)\};", files["firmware/model_data.cc"], re.DOTALL)
    assert body is not None
    assert bytes(int(number) for number in re.findall(rb"\d+", body[1])) == MODEL
    assert f'SAPMCU_MODEL_SHA256 "{hashlib.sha256(MODEL).hexdigest()}"'.encode() in files["firmware/model_data.h"]


def test_the_arena_is_the_callers() -> None:
    files = project(arena_bytes=1001)
    assert b"#define SAPMCU_ARENA_BYTES 1001\n" in files["firmware/model_data.h"]


def test_testdata_holds_the_vectors_and_describes_them() -> None:
    files = project()
    description = json.loads(files["testdata/vectors.json"])
    assert description == {
        "schema": 1,
        "vectors": 2,
        "inputs": [{"name": "x", "type": "int8", "shape": [1, 4, 4, 2], "file": "NNNN_input_0.bin"}],
        "outputs": [{"name": "y", "type": "int8", "shape": [1, 4, 4, 2], "file": "NNNN_output_0.bin"}],
    }
    assert files["testdata/0001_output_0.bin"] == bytes(range(32))


def test_hostile_names_and_commands_stay_inside_comments_and_strings() -> None:
    graph = residual()
    name = 'x */ #error "pwned"\n\\'
    hostile = replace(graph, name=name, tensors={**graph.tensors, name: graph.tensors["x"]}, inputs=(name,))
    hostile = replace(hostile, tensors={**hostile.tensors, name: replace(graph.tensors["x"], name=name)})
    files = emit_project(hostile, MODEL, load_board("mps2_an386"), 1000, VECTORS, Origin("1", "a */ b\n#error"))
    for path in ("model_data.h", "model_data.cc", "model_ops.h", "test_vectors.h", "test_vectors.c", "ld/memory.ld"):
        text = files[f"firmware/{path}"].decode("ascii")
        without_comments = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
        without_strings = re.sub(r'"(\\.|[^"\\])*"', '""', without_comments)
        assert "#error" not in without_strings, path
    assert "\n#error" not in files["firmware/board.cmake"].decode()


def test_only_as_many_vectors_are_embedded_as_the_budget_allows() -> None:
    large = Vector((bytes(32),), (bytes(32),))
    count = EMBEDDED_BYTES // large.size_bytes + 5
    files = emit_project(residual(), MODEL, load_board("mps2_an386"), 1000, (large,) * count, ORIGIN)
    assert f"SAPMCU_VECTOR_COUNT {count - 5}\n".encode() in files["firmware/test_vectors.h"]
    assert json.loads(files["testdata/vectors.json"])["vectors"] == count


def test_a_vector_of_the_wrong_size_is_our_bug() -> None:
    with pytest.raises(AssertionError, match="a vector has"):
        emit_project(residual(), MODEL, load_board("mps2_an386"), 1000, (Vector((b"1",), (bytes(32),)),), ORIGIN)


@pytest.mark.parametrize(("arena_bytes", "region"), [(100_000, "dtcm"), (200_000, "axi_sram")])
def test_the_arena_lies_in_the_dtcm_while_it_fits(arena_bytes: int, region: str) -> None:
    text = project("stm32h7", arena_bytes)["firmware/ld/memory.ld"].decode()
    assert f'REGION_ALIAS("ARENA", {region});' in text
    assert 'REGION_ALIAS("STACK", dtcm);' in text
    assert "dtcm (rw) : ORIGIN = 0x20000000, LENGTH = 0x20000" in text


def test_code_starts_behind_a_boot_loader_that_stays() -> None:
    text = project("arduino_nano33ble")["firmware/ld/memory.ld"].decode()
    assert "flash (rx) : ORIGIN = 0x00010000, LENGTH = 0xf0000" in text


def test_an_arena_without_place_is_an_error() -> None:
    with pytest.raises(UserError, match="200,000 bytes of SRAM; bbc_microbit"):
        project("microbit", 200_000)
