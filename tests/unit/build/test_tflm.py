# SPDX-License-Identifier: Apache-2.0
"""What is said of a TFLM directory that is missing or wrong, and what is found in a right one. No real library here."""

from __future__ import annotations

from pathlib import Path

import pytest
from firmware_project import run, write_project

from sapmcu.boards.board import load_board
from sapmcu.build import tflm as module
from sapmcu.build import toolchain as toolchains
from sapmcu.build.firmware import build_firmware
from sapmcu.build.project import load_project
from sapmcu.build.tflm import HEADERS, LIBRARY, TflmLibrary, load_tflm
from sapmcu.emulation import build_project, tflm_directory
from sapmcu.errors import ToolError, UserError
from sapmcu.ir.build import Engine
from sapmcu.ir.firmware import FirmwareProject
from sapmcu.ir.memory import Kernels

M4F = ("-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard")
M7D = ("-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-d16", "-mfloat-abi=hard")
TWICE = "float twice(float x);\nfloat twice(float x) { return 2 * x; }\n"
CMSIS_NN = "void _ZN6tflite21Register_CONV_2D_INT8Ev(void);\nvoid _ZN6tflite21Register_CONV_2D_INT8Ev(void) {}\n"
MESSAGES = "void _Z11MicroPrintfPKcz(void);\nvoid _Z11MicroPrintfPKcz(void) {}\n"
needs_gcc = pytest.mark.needs("arm-none-eabi-gcc")


def project(directory: Path, board: str = "nucleo_f446re") -> FirmwareProject:
    return load_project(write_project(directory / "project", load_board(board)), Engine.TFLM)


def make_headers(directory: Path) -> Path:
    for header in HEADERS:
        path = directory / "include" / header
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return directory


def make_tflm(directory: Path, options: tuple[str, ...] = M4F, source: str = TWICE, place: str = LIBRARY) -> Path:
    make_headers(directory)
    library = directory / place
    library.parent.mkdir(parents=True, exist_ok=True)
    (directory / "source.c").write_text(source)
    run(["arm-none-eabi-gcc", *options, "-c", directory / "source.c", "-o", directory / "object.o"])
    run(["arm-none-eabi-ar", "qcs", library, directory / "object.o"])
    return directory


def test_the_engine_needs_a_directory() -> None:
    assert tflm_directory(Engine.NATIVE, Path("somewhere")) is None
    assert tflm_directory(Engine.TFLM, Path("somewhere")) == Path("somewhere")
    with pytest.raises(ToolError, match="needs your build of TensorFlow Lite Micro") as caught:
        tflm_directory(Engine.TFLM, None)
    assert caught.value.hint is not None and "--tflm DIR, or SAPMCU_TFLM" in caught.value.hint


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="absent is not a directory"):
        load_tflm(tmp_path / "absent", project(tmp_path))


def test_missing_headers_are_named(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"lacks tensorflow/lite/micro/micro_interpreter\.h"):
        load_tflm(tmp_path, project(tmp_path))


def test_a_missing_library_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"holds no libtensorflow-microlite\.a"):
        load_tflm(make_headers(tmp_path / "tflm"), project(tmp_path))


@needs_gcc
def test_of_several_libraries_none_is_guessed(tmp_path: Path) -> None:
    for target in ("a", "b"):
        make_tflm(tmp_path / "tflm", place=f"gen/{target}/lib/{LIBRARY}")
    with pytest.raises(ToolError, match=rf"2 libraries: gen/a/lib/{LIBRARY}, gen/b/lib/{LIBRARY}"):
        load_tflm(tmp_path / "tflm", project(tmp_path))


WRONG = {
    "v8-M.mainline, which a cortex-m4": ("nucleo_f446re", ("-mcpu=cortex-m33", "-mthumb", "-mfloat-abi=soft")),
    "soft float ABI; nucleo_f446re needs hard": ("nucleo_f446re", ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=soft")),
    "FPU that nucleo_f446re lacks: FPv5": ("nucleo_f446re", M7D),
    "FPU that stm32f746g_disco lacks: double": ("stm32f746g_disco", M7D),
}


@needs_gcc
@pytest.mark.parametrize("message", WRONG)
def test_a_library_for_another_core_is_refused(tmp_path: Path, message: str) -> None:
    board, options = WRONG[message]
    with pytest.raises(ToolError, match=message):
        load_tflm(make_tflm(tmp_path / "tflm", options), project(tmp_path, board))


@needs_gcc
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"!<arch>\n", "is no library of Arm objects"),
        (b"", "can't be read: is no static library"),
        (b"\x7fELF" + bytes(60), "can't be read: is no static library"),
        (b"!<arch>\n" + b"truncated.o/".ljust(48) + b"100       `\n" + b"\x7fELF\x01", "is no library of Arm objects"),
        (b"!<arch>\n" + bytes(70), "can't be read"),
    ],
)
def test_what_is_no_library_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (make_headers(tmp_path / "tflm") / LIBRARY).write_bytes(content)
    with pytest.raises(ToolError, match=message) as caught:
        load_tflm(tmp_path / "tflm", project(tmp_path))
    assert caught.value.exit_code == 3


@needs_gcc
def test_one_object_for_another_core_is_found_among_many(tmp_path: Path) -> None:
    tflm = make_tflm(tmp_path / "tflm")
    source = tflm / "one_with_a_name_that_is_longer_than_a_header_has_room_for.c"
    source.write_text(TWICE.replace("twice", "thrice"))
    run(["arm-none-eabi-gcc", *M7D, "-c", source, "-o", source.with_suffix(".o")])
    run(["arm-none-eabi-ar", "qcs", tflm / LIBRARY, source.with_suffix(".o")])
    with pytest.raises(ToolError, match=rf"lacks: FPv5, not FPv4: {source.stem}\.o") as caught:
        load_tflm(tflm, project(tmp_path))
    assert caught.value.exit_code == 3 and "for cortex-m4" in (caught.value.hint or "")


@pytest.mark.needs("gcc")
def test_a_library_of_the_host_is_refused(tmp_path: Path) -> None:
    tflm = make_headers(tmp_path / "tflm")
    (tflm / "source.c").write_text(TWICE)
    run(["gcc", "-c", tflm / "source.c", "-o", tflm / "object.o"])
    run(["ar", "qcs", tflm / LIBRARY, tflm / "object.o"])
    with pytest.raises(ToolError, match="is no library of Arm objects"):
        load_tflm(tflm, project(tmp_path))


@needs_gcc
@pytest.mark.parametrize(
    ("source", "kernels", "defines"),
    [
        (TWICE, Kernels.REFERENCE, ("TF_LITE_STATIC_MEMORY", "TF_LITE_STRIP_ERROR_STRINGS")),
        (TWICE + MESSAGES, Kernels.REFERENCE, ("TF_LITE_STATIC_MEMORY",)),
        (CMSIS_NN + MESSAGES, Kernels.CMSIS_NN, ("TF_LITE_STATIC_MEMORY", "CMSIS_NN")),
    ],
)
def test_kernels_and_definitions_are_those_of_the_library(
    tmp_path: Path, source: str, kernels: Kernels, defines: tuple[str, ...]
) -> None:
    tflm = make_tflm(tmp_path / "tflm", source=source)
    expected = TflmLibrary((tflm / LIBRARY).resolve(), ((tflm / "include").resolve(),), kernels, defines)
    assert load_tflm(tflm, project(tmp_path)) == expected


@needs_gcc
def test_zig_is_refused(tmp_path: Path) -> None:
    project(tmp_path)
    with pytest.raises(UserError, match="zig can't link a TFLM library"):
        build_firmware(tmp_path / "project", "zig", tflm=make_tflm(tmp_path / "tflm"))


@needs_gcc
def test_a_missing_compiler_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_tflm(tmp_path / "tflm")
    monkeypatch.setattr(toolchains, "GCC", "no-such-gcc")
    monkeypatch.setattr(module, "BINUTILS", "no-such-")
    with pytest.raises(ToolError, match="no-such-gcc is not installed"):
        load_tflm(tmp_path / "tflm", project(tmp_path))


@needs_gcc
def test_a_missing_cpp_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CXX_LIBRARY", "libno_such.a")
    library = TflmLibrary(Path("library.a"), (), Kernels.REFERENCE, ())
    with pytest.raises(ToolError, match=r"the C\+\+ library of arm-none-eabi-g\+\+ is not installed") as caught:
        module.tflm_toolchain(library, M4F)
    assert caught.value.hint is not None and "libstdc++-arm-none-eabi-newlib" in caught.value.hint


def test_a_project_for_the_other_engine_says_so(tmp_path: Path) -> None:
    project(tmp_path)
    with pytest.raises(UserError, match=r"build\.json can't be read") as caught:
        build_project(tmp_path / "project")
    assert caught.value.hint == "this project has a firmware for --engine tflm"


@pytest.mark.parametrize("board", ["nucleo_f446re", "stm32h7", "mps2_an386", "rpi_pico"])
def test_each_target_has_its_memory_and_its_counter(tmp_path: Path, board: str) -> None:
    targets = project(tmp_path, board).targets
    of_board = ("port/systick.c", "port/boot/rp2040_stage2.c") if board == "rpi_pico" else ("port/dwt.c",)
    for name, linker_dir, counter in (("board", "ld", of_board), ("qemu", "ld/tflm-qemu", ("port/fpgaio.c",))):
        facts = "port/board_tflm.c" if name == "board" else "port/board_tflm_qemu.c"
        assert targets[name].linker_dir == linker_dir
        assert targets[name].sources == ("port/semihosting.c", *counter, facts)
