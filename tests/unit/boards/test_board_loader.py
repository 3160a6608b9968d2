# SPDX-License-Identifier: Apache-2.0
"""Boards by name, alias and path; what is wrong with a user's own file is said all at once, with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from sapmcu.boards.board import BOARD_DIR, load_board
from sapmcu.boards.core import CORES, Fpu, compiler_options
from sapmcu.errors import UserError

GOOD = (BOARD_DIR / "nucleo_f446re.toml").read_text(encoding="utf-8")


def load_text(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    load_board(str(path))


def violations(tmp_path: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(UserError) as caught:
        load_text(tmp_path, text)
    assert "mine.toml" in caught.value.message
    assert caught.value.hint
    return caught.value.details


@pytest.mark.parametrize("name", ["nucleo_f446re", "stm32f4", "NUCLEO-F446RE", str(BOARD_DIR / "nucleo_f446re.toml")])
def test_a_board_is_found_by_name_alias_title_and_path(name: str) -> None:
    assert load_board(name).name == "nucleo_f446re"


def test_an_unknown_board_gets_near_matches() -> None:
    with pytest.raises(UserError) as caught:
        load_board("nucleo_h734zi2")
    assert "'nucleo_h734zi2'" in caught.value.message
    assert caught.value.hint is not None
    assert "nucleo_h743zi2" in caught.value.hint


def test_a_board_unlike_any_other_gets_no_near_match() -> None:
    with pytest.raises(UserError) as caught:
        load_board("zzzz")
    assert caught.value.hint is not None
    assert "did you mean" not in caught.value.hint


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent\.toml can't be read: No such file"):
        load_board(str(tmp_path / "absent.toml"))


def test_a_syntax_error_names_the_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="line 2"):
        load_text(tmp_path, 'name = "mine"\ntitle = = 1\n')


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b'name = "\xff"')
    with pytest.raises(UserError, match="not valid TOML"):
        load_board(str(path))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('vendor = "STMicroelectronics"\n', "", "vendor is missing"),
        ('vendor = "STMicroelectronics"', "vendor = 3", "vendor must be a text, is 3"),
        ('vendor = "STMicroelectronics"', 'vendor = " "', "vendor must be a line of text"),
        ('name = "nucleo_f446re"', 'name = "My Board"', "name must be lower-case letters, digits and _, is 'My Board'"),
        ('aliases = ["stm32f4"]', 'aliases = ["a b"]', "aliases must be names of lower-case letters"),
        ('aliases = ["stm32f4"]', "aliases = [4]", "aliases must be a list of texts, is [4]"),
        ('core = "cortex-m4"', 'core = "cortex-a53"', "core must be one of cortex-m0, "),
        ('fpu = "sp"', 'fpu = "dp"', "fpu must be one of none, sp, is 'dp'"),
        ('fpu = "sp"', 'fpu = "sp"\ndsp = false', "dsp can't be false: cortex-m4 always has it"),
        ('fpu = "sp"', 'fpu = "sp"\nmve = true', "mve can't be true: cortex-m4 never has it"),
        ('fpu = "sp"', 'fpu = "sp"\ndsp = 1', "dsp must be true or false, is 1"),
        ("size_bytes = 0x2_0000", "size_bytes = 0", "memory[1].size_bytes must be 1 to 4,294,967,296, is 0"),
        ("size_bytes = 0x2_0000", "size_bytes = -8", "memory[1].size_bytes must be 1 to 4,294,967,296, is -8"),
        ("size_bytes = 0x2_0000", "size_bytes = true", "memory[1].size_bytes must be a whole number, is True"),
        ("base = 0x2000_0000", "base = 0xFFFF_FFFF", "memory[1].size_bytes ends at 0x10001ffff"),
        ("base = 0x2000_0000", "base = 0x0804_0000", "memory flash (0x08000000 to 0x08080000) and sram (0x08040000 to"),
        ('kind = "sram"', 'kind = "ram"', "memory[1].kind must be one of flash, sram, itcm"),
        ('name = "sram"', 'name = "flash"', "memory has two regions 'flash'"),
        ('stack = "sram"', 'stack = "ram"', "defaults.stack names 'ram'; the regions are flash, sram"),
        (
            'arena = ["sram"]',
            'arena = ["flash"]',
            "defaults.arena names flash, which is flash; it must be sram or dtcm",
        ),
        ('arena = ["sram"]', "arena = []", "defaults.arena must name one region or more"),
        ('code = "flash"', 'code = "flash"\ncode_offset_bytes = 0x8_0000', "defaults.code_offset_bytes leaves no room"),
        ("internal_hz = 180_000_000", "internal_hz = 190_000_000", "clock.internal_hz is 190,000,000, above max_hz"),
        ("reset_hz = 16_000_000", "reset_hz = 0", "clock.reset_hz must be 1 to"),
        ("baud = 115_200", "baud = 115_200\nparity = 1", "uart.parity is not a key of a board file"),
        ("baud = 115_200", "baud = 2_000_000", "uart.baud can't be 2,000,000 with stm32_v1 at 16,000,000 Hz"),
        (
            'family = "stm32_v1"',
            'family = "8250"',
            "uart.family must be one of cmsdk, nrf_uart, nrf_uarte, pl011, stm32",
        ),
        ("clock_hz = 16_000_000", "", "uart.clock_hz is missing"),
        ("register = 0x4002_3830", "register = 0x4002_3831", "uart.setup[0].register must be the address of a word"),
        ('name = "RCC_AHB1ENR", ', "", "uart.setup[0].name is missing"),
        (
            "set = 0x1,",
            "",
            "uart.setup[0] must have one of write, set, clear, until_set, until_clear, pairs, pause_turns, or set",
        ),
        ("set = 0x1,", "set = 0x1, write = 3,", "uart.setup[0] must have one of write, "),
        ("set = 0x1,", "set = 0,", "uart.setup[0].set must be 1 to 4,294,967,295, is 0"),
        ("set = 0x1,", "toggle = 1,", "uart.setup[0].toggle is not a key of a board file"),
        ('target = "stm32f446retx"', "target = 1.5", "flash.pyocd.target must be a text or a whole number, is 1.5"),
        ('revision = "Rev 6"\n', "", "source[0].revision is missing"),
        ('title = "NUCLEO-F446RE"', 'title = "x"\ncolour = "red"', "colour is not a key of a board file"),
    ],
)
def test_each_mistake_is_said_with_its_place(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert GOOD.count(old) >= 1
    found = violations(tmp_path, GOOD.replace(old, new, 1))
    assert any(expected in violation for violation in found), found


def test_all_mistakes_are_said_at_once(tmp_path: Path) -> None:
    text = GOOD.replace('vendor = "STMicroelectronics"\n', "").replace("baud = 115_200", 'baud = "fast"')
    assert violations(tmp_path, text) == ("vendor is missing", "uart.baud must be a whole number, is 'fast'")


def test_an_empty_file_lists_what_is_missing(tmp_path: Path) -> None:
    found = violations(tmp_path, "")
    assert {"name is missing", "core is missing", "memory is missing", "defaults.arena is missing"} <= set(found)


@pytest.mark.parametrize("text", ["memory = 3", "memory = [1]", "memory = []", "clock = 1", "flash = 2", "source = {}"])
def test_values_of_the_wrong_shape_are_refused(tmp_path: Path, text: str) -> None:
    key = text.split()[0]
    assert any(violation.startswith(f"{key} must be") for violation in violations(tmp_path, text))


def test_optional_parts_of_a_core_become_compiler_options() -> None:
    assert compiler_options("cortex-m33", Fpu.NONE, dsp=False, mve=False) == (
        "-mcpu=cortex-m33+nodsp",
        "-mthumb",
        "-mfloat-abi=soft",
    )
    assert compiler_options("cortex-m55", Fpu.DOUBLE, dsp=True, mve=False)[0] == "-mcpu=cortex-m55+nomve"
    assert compiler_options("cortex-m55", Fpu.DOUBLE, dsp=True, mve=True)[0] == "-mcpu=cortex-m55"
    assert set(CORES) >= {"cortex-m0plus", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55"}
