# SPDX-License-Identifier: Apache-2.0
"""What boot ROMs find in an image: RP2040's second stage, RP2350's image definition."""

from __future__ import annotations

import re
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
from native_project import write_native_project

from sapmcu.build.firmware import build_firmware
from sapmcu.build.image import image_parts
from sapmcu.firmware_files import firmware_dir

pytestmark = pytest.mark.needs("arm-none-eabi-gcc", "unicorn")
FLASH, STAGE2_SRAM, SSI = 0x1000_0000, 0x2004_1F00, 0x1800_0000
"""Source: RP2040 Datasheet, 2.8.1.3: the boot ROM copies the second stage to the top of SRAM5, less 256 bytes."""


def image(directory: Path, board: str) -> bytes:
    """What is written to flash, from its first byte."""
    write_native_project(directory, board)
    parts = image_parts(build_firmware(directory, "gcc", target="uart").elf)
    assert parts[0][0] == FLASH
    data = bytearray()
    for address, part in parts:
        data += bytes(address - FLASH - len(data)) + part
    return bytes(data)


def crc32_mpeg2(data: bytes) -> int:
    """RP2040 Datasheet, 2.8.1.3.1: polynomial 0x04C11DB7, nothing reflected, from all ones, not inverted."""
    crc = 0xFFFF_FFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C1_1DB7 if crc >> 31 else 0)) & 0xFFFF_FFFF
    return crc


def test_the_second_stage_is_its_assembly(tmp_path: Path) -> None:
    source = firmware_dir() / "port" / "boot" / "rp2040_stage2.S"
    code, binary = tmp_path / "stage2.o", tmp_path / "stage2.bin"
    subprocess.run(["arm-none-eabi-gcc", "-c", source, "-o", code], check=True)
    subprocess.run(["arm-none-eabi-objcopy", "-O", "binary", "-j", ".text", code, binary], check=True)
    text = source.with_suffix(".c").read_text()
    words = [int(word, 16) for word in re.findall(r"0x([0-9A-F]{8})u", text)]
    assert struct.pack(f"<{len(words) - 1}I", *words[:-1]) == binary.read_bytes()


def test_the_boot_rom_of_an_rp2040_takes_the_image(tmp_path: Path) -> None:
    stage2 = image(tmp_path, "rpi_pico")[:256]
    assert crc32_mpeg2(stage2[:252]) == int.from_bytes(stage2[252:], "little")


def test_the_second_stage_turns_on_execution_in_place_and_starts_the_program(tmp_path: Path) -> None:
    """The SSI of the model is off while it is set up, and reads with 03h, 24 bits of address, one line."""
    import unicorn
    from unicorn import arm_const

    flash = image(tmp_path, "rpi_pico")
    stack, entry = struct.unpack_from("<II", flash, 256)
    uc: Any = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB, arm_const.UC_CPU_ARM_CORTEX_M0)
    uc.mem_map(FLASH, 1 << 21)
    uc.mem_write(FLASH, flash)
    uc.mem_map(0x2000_0000, 0x4_2000)
    uc.mem_write(STAGE2_SRAM, flash[:256])
    registers, problems, system = {0x08: 1}, [], {}

    def write(_: Any, offset: int, __: int, value: int, ___: Any) -> None:
        if offset != 0x08 and registers[0x08]:
            problems.append(f"SSI {offset:#x} changes while it is on")
        registers[offset] = value

    uc.mmio_map(SSI, 0x1000, lambda *_: 0, None, write, None)
    uc.mmio_map(0xE000_0000, 0x10_0000, lambda *_: 0, None, lambda *a: system.update({a[1]: a[3]}), None)
    uc.reg_write(arm_const.UC_ARM_REG_SP, 0x2004_2000)
    uc.emu_start(STAGE2_SRAM | 1, entry & ~1, count=100)
    assert uc.reg_read(arm_const.UC_ARM_REG_PC) == entry & ~1 and uc.reg_read(arm_const.UC_ARM_REG_SP) == stack
    assert system == {0xED08: FLASH + 256} and problems == []
    # BAUDR: even, 133 MHz / 4 < 50 MHz; CTRLR0: DFS_32, TMOD; SPI_CTRLR0: XIP_CMD, INST_L, ADDR_L. Data sheet, 4.10.13
    assert registers == {0x08: 1, 0x14: 4, 0x00: 31 << 16 | 3 << 8, 0x04: 0, 0xF4: 0x03 << 24 | 2 << 8 | 24 // 4 << 2}


def test_the_boot_rom_of_an_rp2350_finds_an_image_definition(tmp_path: Path) -> None:
    """RP2350 Datasheet, 5.9.5.1: a block of one item in the first 4 KB; the next block is itself."""
    flash = image(tmp_path, "rpi_pico2")
    start = flash.index((0xFFFF_DED3).to_bytes(4, "little"))
    words = struct.unpack_from("<5I", flash, start)
    assert start < 4096 and start % 4 == 0
    assert words == (0xFFFF_DED3, 0x1021_0142, 0x0000_01FF, 0, 0xAB12_3579)
