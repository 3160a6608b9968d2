# SPDX-License-Identifier: Apache-2.0
"""What a build makes: images, sizes, frames; the same bytes wherever it runs; errors that say where."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from native_project import model_source, write_native_project

from sapmcu.boards.board import all_boards
from sapmcu.build import toolchain as toolchains
from sapmcu.build.firmware import build_firmware
from sapmcu.build.image import binary, intel_hex
from sapmcu.build.toolchain import find_toolchain, zig_core_options
from sapmcu.errors import ToolError, UserError
from sapmcu.ir.build import Build, Prefer

GCC = pytest.param("gcc", marks=pytest.mark.needs("arm-none-eabi-gcc"))
ZIG = pytest.param("zig", marks=pytest.mark.needs("ziglang"))


def build(directory: Path, toolchain: str, board: str = "mps2_an386", **options: Prefer) -> Build:
    return build_firmware(write_native_project(directory, board), toolchain, **options)


@pytest.mark.parametrize("toolchain", [GCC, ZIG])
def test_sizes_add_up_and_tell_the_model_from_the_code(tmp_path: Path, toolchain: str) -> None:
    done = build(tmp_path, toolchain)
    sizes = done.sizes
    model = {symbol.name: symbol.size_bytes for symbol in sizes.symbols if symbol.of_model}
    assert model["constants"] == 200 and model["adder"] == 76 and model["sapmcu_models"] == 4
    assert sizes.model_bytes == sum(model.values())
    assert sizes.flash_bytes == len(done.bin.read_bytes())
    assert (sizes.arena_bytes, sizes.stack_bytes, sizes.data_bytes) == (96, 4096, 0)
    assert sizes.sram_bytes == 96 + 4096 + sizes.bss_bytes
    served = sum(one.size_bytes for one in sizes.symbols if one.is_function)
    assert 0 < served < sizes.code_bytes


@pytest.mark.parametrize("toolchain", [GCC, ZIG])
def test_frames_are_known(tmp_path: Path, toolchain: str) -> None:
    frames = {frame.function: frame for frame in build(tmp_path, toolchain).frames}
    assert 16 <= frames["add"].bytes <= 64
    assert all(frame.is_bounded for frame in frames.values())


@pytest.mark.parametrize("toolchain", [GCC, ZIG])
def test_the_same_input_gives_the_same_bytes_anywhere(tmp_path: Path, toolchain: str) -> None:
    one, other = (build(tmp_path / name, toolchain) for name in ("here", "some/where/else"))
    for part in ("elf", "bin", "hex"):
        assert getattr(one, part).read_bytes() == getattr(other, part).read_bytes(), part


@pytest.mark.parametrize("toolchain", [GCC, ZIG])
def test_size_is_smaller_than_speed(tmp_path: Path, toolchain: str) -> None:
    speed, size = (build(tmp_path, toolchain, prefer=prefer) for prefer in (Prefer.SPEED, Prefer.SIZE))
    assert size.sizes.code_bytes < speed.sizes.code_bytes


@pytest.mark.needs("arm-none-eabi-gcc")
def test_the_protocol_takes_under_two_and_a_quarter_kilobytes(tmp_path: Path) -> None:
    done = build(tmp_path, "gcc", prefer=Prefer.SIZE)
    objects = done.elf.parent / "objects"
    paths = [objects / f"engine/sapmcu_{name}.c.o" for name in ("serve", "frames")]
    size = subprocess.run(["arm-none-eabi-size", *paths], capture_output=True, text=True, check=True)
    assert sum(int(line.split()[0]) for line in size.stdout.splitlines()[1:]) < 2304


@pytest.mark.needs("arm-none-eabi-gcc")
@pytest.mark.parametrize("board", [board.name for board in all_boards()])
def test_images_are_those_of_objcopy(tmp_path: Path, board: str) -> None:
    done = build(tmp_path, "gcc", board)
    for kind, path in (("binary", done.bin), ("ihex", done.hex)):
        expected = tmp_path / kind
        subprocess.run(["arm-none-eabi-objcopy", "-O", kind, done.elf, expected], check=True)
        got, wanted = path.read_bytes(), expected.read_bytes()
        if kind == "binary":
            assert got == wanted
        else:
            back = tmp_path / "back.bin"
            subprocess.run(["arm-none-eabi-objcopy", "-I", "ihex", "-O", "binary", path, back], check=True)
            assert back.read_bytes() == done.bin.read_bytes()


def test_gaps_in_an_image_are_erased_flash() -> None:
    assert binary([(0x100, b"ab"), (0x104, b"c")]) == b"ab\xff\xffc"


def test_hex_records_are_as_the_specification_has_them() -> None:
    assert intel_hex([(0x0800_FFFE, b"\x01\x02\x03")], 0x0800_0101).splitlines() == [
        ":020000040800F2",
        ":02FFFE000102FE",
        ":020000040801F1",
        ":0100000003FC",
        ":0400000508000101ED",
        ":00000001FF",
    ]


@pytest.mark.parametrize("toolchain", [GCC, ZIG])
def test_a_source_that_does_not_compile_is_named_with_command_and_log(tmp_path: Path, toolchain: str) -> None:
    directory = write_native_project(
        tmp_path, "mps2_an386", model_source() + "\nint unused(void) { return missing; }\n"
    )
    with pytest.raises(ToolError, match=r"sapmcu_adder\.c doesn't compile") as caught:
        build_firmware(directory, toolchain)
    text = "\n".join(caught.value.details)
    assert "missing" in text and "command: " in text and "exit code: 1" in text
    assert caught.value.hint is not None and Path(caught.value.hint.split(": ")[1]).is_file()


@pytest.mark.needs("arm-none-eabi-gcc")
def test_a_model_that_does_not_fit_is_told_by_the_linker(tmp_path: Path) -> None:
    large = model_source().replace("constants[200]", "constants[5000000]")
    with pytest.raises(ToolError, match="doesn't link") as caught:
        build_firmware(write_native_project(tmp_path, "mps2_an386", large), "gcc")
    assert any("will not fit in region" in line for line in caught.value.details)


def test_an_unknown_target_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no target 'renode'"):
        build_firmware(write_native_project(tmp_path, "mps2_an386"), target="renode")


def test_a_missing_toolchain_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchains, "GCC", "no-such-gcc")
    with pytest.raises(ToolError) as caught:
        find_toolchain("gcc", ())
    assert caught.value.hint is not None and "pip install ziglang" in caught.value.hint


@pytest.mark.needs("ziglang")
def test_without_gcc_zig_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchains, "GCC", "no-such-gcc")
    assert find_toolchain(None, ("-mcpu=cortex-m3", "-mthumb", "-mfloat-abi=soft")).name == "zig"


@pytest.mark.needs("ziglang", "arm-none-eabi-gcc")
@pytest.mark.parametrize("board", all_boards(), ids=lambda board: board.name)
def test_zig_builds_for_the_same_core_as_gcc(board: object) -> None:
    """The macros that kernels choose by."""
    options = board.compiler_options  # type: ignore[attr-defined]
    zig = find_toolchain("zig", options)
    macros = []
    for command in (["arm-none-eabi-gcc", *options], [*zig.compiler, *zig_core_options(options)]):
        text = subprocess.run(
            [*command, "-dM", "-E", "-x", "c", "-"], input="", capture_output=True, text=True, check=True
        ).stdout
        table = dict(line.split(" ", 2)[1:3] for line in text.splitlines() if line.count(" ") > 1)
        names = ("ARCH", "FEATURE_DSP", "FEATURE_MVE", "FEATURE_UNALIGNED", "PCS_VFP")
        macros.append({name: table.get(f"__ARM_{name}") for name in names} | {"fp": "__ARM_FP" in table})
    assert macros[0] == macros[1]


@pytest.mark.parametrize("toolchain", [GCC, ZIG])
def test_all_that_is_written_lies_in_build(tmp_path: Path, toolchain: str) -> None:
    before = {path for path in write_native_project(tmp_path, "mps2_an386").rglob("*") if path.is_file()}
    done = build_firmware(tmp_path, toolchain)
    made = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    build = tmp_path / "build"
    assert made and all(path.is_relative_to(build / f"native-{toolchain}") for path in made - {build / ".lock"})
    assert done.map.stat().st_size > 0
    assert done.log.read_text().count(" -c ") == len(list((done.elf.parent / "objects").rglob("*.o")))
