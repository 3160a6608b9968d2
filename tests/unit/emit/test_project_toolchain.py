# SPDX-License-Identifier: Apache-2.0
"""The project's own files compile without a warning, link on every board, and start in QEMU."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from firmware_project import compile_file, link, run_qemu, write_project

from sapmcu.boards.board import Board, BootCode, Region, all_boards, load_board
from sapmcu.boards.placement import place_memory
from sapmcu.emit.board import BOARD_SOURCES, BOOT_SOURCES
from sapmcu.run.elf import load_program

ARENA_BYTES = 2000
PROBE = """
#include "sapmcu/port.h"
#include "model_data.h"
#include "test_vectors.h"
#include <string.h>

__attribute__((section(".bss.sapmcu_arena"), aligned(16))) uint8_t arena[SAPMCU_ARENA_BYTES];
static uint32_t cleared[3];
static uint32_t initialised[2] = {0x12345678u, 9u};
static volatile float real = 1.5f;
int main(void);

__attribute__((constructor)) static void construct(void) {
    cleared[2] += 3;
}

int main(void) {
    sapmcu_port_init();
    sapmcu_port_write("hello from a board, over more than the sixty-three bytes that one chunk holds\\n", 78);
    arena[SAPMCU_ARENA_BYTES - 1] = 1;
    const uint8_t *second = sapmcu_vectors[1].inputs[0];
    int is_right = cleared[0] == 0 && cleared[1] == 0 && cleared[2] == 3 && initialised[0] == 0x12345678u &&
                   initialised[1] == 9 && second[31] == 31 && memcmp(second, sapmcu_vectors[0].outputs[0], 32) == 0;
    real = real * 2.0f;
    return is_right && real > 2.5f ? 42 : 1;
}
"""


@pytest.fixture(params=all_boards(), ids=lambda board: board.name)
def board(request: pytest.FixtureRequest) -> Board:
    result = request.param
    assert isinstance(result, Board)
    return result


def build(directory: Path, board: Board, main: str) -> Path:
    firmware = write_project(directory, board, ARENA_BYTES)
    (directory / "main.c").write_text(main)
    others = ("port/semihosting.c", "port/libc_stubs.c", "port/board_tflm.c")
    ours = [firmware / path for path in (*BOARD_SOURCES, *others, *BOOT_SOURCES[board.boot])]
    sources = [directory / "main.c", *ours, firmware / "test_vectors.c", firmware / "model_data.cc"]
    objects = [compile_file(source, directory / f"{source.stem}.o", board, firmware) for source in sources]
    return link(objects, directory / "probe.elf", board, firmware)


def code_at(elf: Path, address: int, size: int) -> bytes:
    return next(
        data[address - start :][:size]
        for start, data in load_program(elf).segments
        if start <= address < start + len(data)
    )


@pytest.mark.needs("arm-none-eabi-gcc")
def test_project_links_into_the_regions_of_every_board(tmp_path: Path, board: Board) -> None:
    with build(tmp_path, board, PROBE).open("rb") as file:
        elf = ELFFile(file)
        symbols = {symbol.name: symbol["st_value"] for symbol in elf.get_section_by_name(".symtab").iter_symbols()}
        sections = {section.name: section for section in elf.iter_sections()}
        loaded = [(one["p_paddr"], one["p_filesz"]) for one in elf.iter_segments("PT_LOAD") if one["p_filesz"]]
    placement = place_memory(board, ARENA_BYTES)

    def lies_in(start: int, end: int, region: Region) -> bool:
        return region.base <= start <= end <= region.end

    code_start = placement.code.base + board.defaults.code_offset_bytes
    assert sections[".vectors"]["sh_addr"] == code_start
    is_booted = board.boot is BootCode.RP2040_STAGE2
    assert min(start for start, _ in loaded) == (placement.code.base if is_booted else code_start)
    assert all(lies_in(start, start + size, placement.code) for start, size in loaded)
    assert sections[".vectors"]["sh_size"] == (84 if board.boot is BootCode.RP2350_IMAGE else 64)
    assert is_booted == (".boot" in sections and sections[".boot"]["sh_size"] == 256)
    assert lies_in(symbols["sapmcu_arena_start"], symbols["sapmcu_arena_end"], placement.arena)
    assert symbols["sapmcu_arena_end"] - symbols["sapmcu_arena_start"] == ARENA_BYTES
    assert symbols["sapmcu_arena_start"] % 16 == 0
    assert lies_in(symbols["sapmcu_data_start"], symbols["sapmcu_bss_end"], placement.data)
    assert symbols["sapmcu_stack_top"] == placement.stack.base + placement.stack_bytes


@pytest.mark.needs("arm-none-eabi-gcc", "qemu-system-arm")
@pytest.mark.parametrize("name", [board.name for board in all_boards() if board.emulator.is_exact])
def test_startup_sets_up_c_and_the_exit_code_arrives(tmp_path: Path, name: str) -> None:
    board = load_board(name)
    code, output = run_qemu(board, build(tmp_path, board, PROBE))
    assert (code, output) == (
        42,
        "hello from a board, over more than the sixty-three bytes that one chunk holds\n",
    )


@pytest.mark.needs("arm-none-eabi-gcc", "qemu-system-arm")
def test_a_fault_says_its_number_and_ends_the_program(tmp_path: Path) -> None:
    main = 'int main(void);\nint main(void) {\n    __asm__ volatile("udf #0");\n    return 0;\n}\n'
    board = load_board("mps2_an386")
    elf = build(tmp_path, board, main)
    code, output = run_qemu(board, elf)
    lines = output.splitlines()
    assert code == 131 and lines[0] == "unexpected exception 03" and len(lines) == 3
    place = re.fullmatch(r"pc 0x([0-9a-f]{8}) lr 0x[0-9a-f]{8} psr 0x[0-9a-f]{8} sp 0x[0-9a-f]{8}", lines[1])
    assert place is not None and code_at(elf, int(place[1], 16), 2) == b"\x00\xde", "udf #0"
    assert lines[2] == "cfsr 0x00010000 hfsr 0x40000000 address 0x00000000", "UNDEFINSTR, FORCED"


@pytest.mark.needs("arm-none-eabi-gcc", "qemu-system-arm")
def test_a_failed_check_of_a_library_says_so(tmp_path: Path) -> None:
    main = "#include <stdlib.h>\nint main(void);\nint main(void) {\n    abort();\n}\n"
    board = load_board("mps2_an386")
    assert run_qemu(board, build(tmp_path, board, main)) == (134, "abort(): a check inside a library failed\n")


@pytest.mark.needs("arm-none-eabi-gcc")
def test_model_data_is_for_c_and_for_cpp(tmp_path: Path) -> None:
    board = load_board("mps2_an386")
    firmware = write_project(tmp_path, board)
    text = """
#include "model_data.h"
int use(void);
int use(void) {
    static const SAPMCU_INPUT_0_TYPE x[SAPMCU_INPUT_0_ELEMENTS] = {0};
    const int shape[SAPMCU_INPUT_0_RANK] = SAPMCU_INPUT_0_SHAPE;
    const float real = SAPMCU_INPUT_0_SCALE * (float)(x[0] - SAPMCU_INPUT_0_ZERO_POINT);
    return shape[1] + (int)real + sapmcu_model_data[SAPMCU_MODEL_BYTES - 1] + (int)sizeof(SAPMCU_MODEL_NAME);
}
"""
    for name in ("use.c", "use.cc"):
        (tmp_path / name).write_text(text)
        compile_file(tmp_path / name, tmp_path / "use.o", board, firmware)
