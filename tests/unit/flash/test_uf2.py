# SPDX-License-Identifier: Apache-2.0
"""UF2 files, byte for byte as the specification says, and the drives that take them."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from native_project import write_native_project

from sapmcu.boards.board import load_board
from sapmcu.build.firmware import build_firmware
from sapmcu.errors import ToolError, UserError
from sapmcu.flash import drive as module
from sapmcu.flash.drive import check_drive, copy_to_drive, find_drive, mount_points, write_uf2
from sapmcu.flash.flash import FlashOptions, flash_uf2
from sapmcu.flash.job import Job, image_range
from sapmcu.flash.uf2 import FAMILIES, uf2

PICO_INFO = "UF2 Bootloader v3.0\nModel: Raspberry Pi RP2\nBoard-ID: RPI-RP2\n"
PICO2_INFO = "UF2 Bootloader v1.0\nModel: Raspberry Pi RP2350\nBoard-ID: RP2350\n"
ONE_BLOCK = (
    bytes.fromhex("5546320a 57515d9e 00200000 00010010 00010000 00000000 01000000 56ff8be4")
    + bytes([1, 2, 3])
    + b"\xff" * 473
    + bytes.fromhex("306fb10a")
)
"""Written by hand from the table of the specification: 3 bytes for 0x10000100 of an RP2040."""


def test_a_block_is_as_the_specification_says() -> None:
    assert uf2([(0x1000_0100, bytes([1, 2, 3]))], FAMILIES["RP2040"]) == ONE_BLOCK


def test_families_are_those_of_microsofts_list() -> None:
    assert FAMILIES == {"RP2040": 0xE48BFF56, "RP2350": 0xE48BFF59, "NRF52840": 0xADA52840}
    for name, family in (("rpi_pico", "RP2040"), ("rpi_pico2", "RP2350")):
        (arguments,) = (one.arguments for one in load_board(name).flash_methods if one.tool == "uf2")
        assert arguments["family_id"] == FAMILIES[family]


def decode(file: bytes, family: int) -> dict[int, int]:
    """As a boot loader reads it: address -> byte. Source: microsoft/uf2, README, "File format"."""
    memory: dict[int, int] = {}
    count = len(file) // 512
    assert len(file) % 512 == 0
    for number in range(count):
        block = file[512 * number : 512 * (number + 1)]
        words = [int.from_bytes(block[at : at + 4], "little") for at in range(0, 32, 4)]
        assert words[0] == 0x0A324655 and words[1] == 0x9E5D5157 and block[508:] == bytes.fromhex("306fb10a")
        assert words[2] == 0x2000 and words[4] == 256 and words[3] % 256 == 0
        assert words[5:] == [number, count, family]
        assert words[3] not in memory
        memory.update(enumerate(block[32 : 32 + words[4]], words[3]))
    return memory


@given(st.lists(st.tuples(st.integers(0, 3000), st.binary(min_size=1, max_size=700)), min_size=1, max_size=4))
def test_what_goes_in_comes_out_and_the_rest_of_a_page_is_as_erased(parts: list[tuple[int, bytes]]) -> None:
    placed, end = [], 0x1000_0000
    for gap, data in parts:
        placed.append((end + gap, data))
        end += gap + len(data)
    expected = {at: byte for base, data in placed for at, byte in enumerate(data, base)}
    memory = decode(uf2(placed, FAMILIES["RP2350"]), FAMILIES["RP2350"])
    assert {at: byte for at, byte in memory.items() if at in expected} == expected
    assert {byte for at, byte in memory.items() if at not in expected} <= {0xFF}
    assert {at - at % 256 for at in memory} == {at - at % 256 for at in expected}


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_firmware(write_native_project(tmp_path_factory.mktemp("pico"), "rpi_pico"), "gcc", target="uart").elf


def job(elf: Path, probe: Path | None = None, base: int = 0x1000_0000) -> Job:
    board = load_board("rpi_pico")
    arguments = next(one.arguments for one in board.flash_methods if one.tool == "uf2")
    files = elf.with_suffix(".bin"), elf.with_suffix(".hex")
    return Job(board, elf, *files, base, 4096, arguments, None if probe is None else str(probe))


def make_drive(directory: Path, info: str = PICO_INFO) -> Path:
    directory.mkdir(parents=True)
    (directory / "INFO_UF2.TXT").write_text(info)
    return directory


def boot_when_written(drive: Path, size_bytes: int) -> threading.Thread:
    """The board: its drive goes when it has all blocks."""

    def wait() -> None:
        end = time.monotonic() + 10
        while time.monotonic() < end:
            files = list(drive.glob("*.uf2"))
            if files and files[0].stat().st_size == size_bytes:
                (drive / "INFO_UF2.TXT").unlink()
                return
            time.sleep(0.01)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


@pytest.mark.needs("arm-none-eabi-gcc")
def test_an_image_is_copied_to_the_drive_and_the_board_starts(tmp_path: Path, elf: Path) -> None:
    drive = make_drive(tmp_path / "RPI-RP2")
    wanted = job(elf, drive)
    image = write_uf2(wanted)
    board = boot_when_written(drive, image.stat().st_size)
    (line,), is_verified = flash_uf2(wanted, FlashOptions(limit_s=10), lambda _: None)
    board.join()
    assert line == f"cp {image} {drive}" and not is_verified
    assert (drive / "firmware.uf2").read_bytes() == image.read_bytes()
    decode(image.read_bytes(), FAMILIES["RP2040"])


@pytest.mark.needs("arm-none-eabi-gcc")
def test_a_dry_run_copies_nothing(tmp_path: Path, elf: Path) -> None:
    drive = make_drive(tmp_path / "RPI-RP2")
    lines, _ = flash_uf2(job(elf, drive), FlashOptions(is_dry=True, probe=str(drive)), lambda _: None)
    assert lines == (f"cp {elf.with_suffix('.uf2')} {drive}",)
    assert [path.name for path in drive.iterdir()] == ["INFO_UF2.TXT"]


@pytest.mark.needs("arm-none-eabi-gcc")
def test_a_dry_run_finds_the_drive_or_says_what_stands_for_it(
    tmp_path: Path, elf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[str] = []
    place = tmp_path / "dir with space" / "RPI-RP2"
    monkeypatch.setattr(module, "mount_points", lambda: (place,))
    image = elf.with_suffix(".uf2")
    assert flash_uf2(job(elf), FlashOptions(is_dry=True), notes.append) == ((f"cp {image} DRIVE",), False)
    assert notes == [
        "note: there is no drive RPI-RP2; DRIVE stands for where it is mounted, --probe PATH names it",
    ]
    make_drive(place)
    assert flash_uf2(job(elf), FlashOptions(is_dry=True), notes.append) == ((f"cp {image} '{place}'",), False)
    assert len(notes) == 1 and [path.name for path in place.iterdir()] == ["INFO_UF2.TXT"]


@pytest.mark.needs("arm-none-eabi-gcc")
def test_an_image_that_the_rom_would_not_start_is_refused(elf: Path) -> None:
    with pytest.raises(UserError, match="begins at 0x10000100; the RP2040 starts what is at 0x10000000"):
        write_uf2(job(elf, base=0x1000_0100))


def test_a_board_that_does_not_start_is_told(tmp_path: Path) -> None:
    image = tmp_path / "firmware.uf2"
    image.write_bytes(ONE_BLOCK)
    with pytest.raises(ToolError, match=r"hasn't started: its drive is still at .* after 0\.3 s") as caught:
        copy_to_drive(image, make_drive(tmp_path / "drive"), 0.3)
    assert "BOOTSEL" in (caught.value.hint or "")


def test_a_drive_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    image, drive = tmp_path / "firmware.uf2", make_drive(tmp_path / "drive")
    image.write_bytes(ONE_BLOCK)
    (drive / "firmware.uf2").mkdir()
    with pytest.raises(ToolError, match="can't be written: Is a directory"):
        copy_to_drive(image, drive, 1)


def test_drives_are_told_by_their_info(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pico, pico2 = make_drive(tmp_path / "My Pico"), make_drive(tmp_path / "RP2350", PICO2_INFO)
    stick = tmp_path / "stick"
    stick.mkdir()
    mounts = tmp_path / "mounts"
    monkeypatch.setattr(module, "MOUNTS", mounts)
    monkeypatch.setattr(module, "LABELS", tmp_path / "labels")

    def mount(*places: Path) -> None:
        names = [str(place).replace(" ", "\\040") for place in places]
        mounts.write_text("".join(f"/dev/sdb1 {name} vfat rw 0 0\n" for name in names) + "/dev/sda1 / ext4 rw 0 0\n")

    wanted = job(tmp_path / "firmware.elf")
    mount(stick, pico, pico2)
    assert mount_points() == (stick, pico, pico2)
    assert find_drive(wanted) == pico
    mount(stick, pico2)
    with pytest.raises(ToolError, match="no drive is of Raspberry Pi Pico") as caught:
        find_drive(wanted)
    assert caught.value.details == (f"{pico2}: RP2350",)
    mount(pico, pico)
    with pytest.raises(ToolError, match="2 drives RPI-RP2 are there") as caught:
        find_drive(wanted)
    assert "--probe PATH" in (caught.value.hint or "")
    mount(stick)
    with pytest.raises(ToolError, match="there is no drive RPI-RP2") as caught:
        find_drive(wanted)
    assert caught.value.exit_code == 3 and "BOOTSEL" in (caught.value.hint or "")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "RPI-RP2").write_text("")
    with pytest.raises(ToolError) as caught:
        find_drive(wanted)
    assert "not mounted: udisksctl mount" in (caught.value.hint or "")


def test_a_drive_of_another_board_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="is RP2350, not Raspberry Pi Pico"):
        check_drive(make_drive(tmp_path / "RP2350", PICO2_INFO), load_board("rpi_pico"), "RPI-RP2")
    with pytest.raises(ToolError, match="is no drive of a boot loader"):
        check_drive(tmp_path, load_board("rpi_pico"), "RPI-RP2")


@pytest.mark.needs("arm-none-eabi-gcc")
def test_an_image_for_other_memory_or_too_large_is_refused(elf: Path) -> None:
    board = load_board("rpi_pico")
    base, size_bytes = image_range(elf, board)
    flash = board.region("flash")
    assert flash.base <= base < base + size_bytes <= flash.end
    with pytest.raises(ToolError, match="the flash of nucleo_f446re is at 0x08000000"):
        image_range(elf, load_board("nucleo_f446re"))
    small = replace(flash, size_bytes=base - flash.base + size_bytes - 10)
    memory = tuple(small if one.name == "flash" else one for one in board.memory)
    with pytest.raises(ToolError, match="ends 10 bytes behind the flash of rpi_pico"):
        image_range(elf, replace(board, memory=memory))
