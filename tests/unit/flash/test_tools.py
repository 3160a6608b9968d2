# SPDX-License-Identifier: Apache-2.0
"""Flashing by command line tools: what they are told, and what is made of what they say."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from fake_tools import FakeTools, make_fake_tools

from sapmcu.boards.board import Board, FlashMethod, all_boards, load_board
from sapmcu.errors import ToolError, UserError
from sapmcu.flash import probes as usb
from sapmcu.flash.flash import FlashOptions, choose_method, flash_by_tool
from sapmcu.flash.job import Job
from sapmcu.flash.table import METHODS

PYOCD_LIST = json.dumps({"boards": [{"unique_id": "066DFF50", "info": "STM32 STLink"}]})
TWO = json.dumps({"boards": [{"unique_id": one, "info": "STM32 STLink"} for one in ("066DFF50", "0671AA00")]})
DFU_LIST = (
    'Found DFU: [0483:df11] ver=2200, devnum=5, cfg=1, intf=0, path="1-1", alt=1, name="@Option", serial="357"\n'
    'Found DFU: [0483:df11] ver=2200, devnum=5, cfg=1, intf=0, path="1-1", alt=0, name="@Flash", serial="357"'
)
BOARDS = {
    "pyocd": "nucleo_f446re",
    "openocd": "nucleo_f446re",
    "stlink": "nucleo_f446re",
    "jlink": "nucleo_f446re",
    "dfu": "netduinoplus2",
    "bossac": "arduino_nano33ble",
}
VERSIONS = {"pyocd": "0.36.0", "openocd": "Open On-Chip Debugger 0.12.0", "stlink": "v1.7.0", "dfu": "dfu-util 0.11"}


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeTools:
    """All tools, of good versions; no USB."""
    fakes = make_fake_tools(tmp_path / "fakes", monkeypatch)
    for method in METHODS.values():
        fakes.add(method.tool.name)
    monkeypatch.setattr(usb, "USB_DEVICES", tmp_path / "no-usb")
    return fakes


def job(directory: Path, method: str, probe: str | None = None) -> Job:
    board = load_board(BOARDS[method])
    for suffix in ("elf", "bin", "hex"):
        (directory / f"firmware.{suffix}").write_bytes(bytes(range(200)))
    arguments = next(one.arguments for one in board.flash_methods if one.tool == method)
    paths = [directory / f"firmware.{suffix}" for suffix in ("elf", "bin", "hex")]
    base = board.region(board.defaults.code).base + board.defaults.code_offset_bytes
    return Job(board, *paths, base, 200, arguments, probe)


def flash(directory: Path, method: str, probe: str | None = None, **options: object) -> tuple[tuple[str, ...], bool]:
    chosen = FlashOptions(method, probe, **options)  # type: ignore[arg-type]
    return flash_by_tool(METHODS[method], job(directory, method, probe), chosen, lambda _: None)


def good_version(tools: FakeTools, method: str) -> None:
    tools.answer("--version", VERSIONS.get(method, "1.9"))


@pytest.mark.parametrize(("probe", "said"), [(None, ["PORT stands for the port"]), ("/dev/ttyACM0", [])])
def test_a_dry_run_says_what_stands_for_the_boot_loader(
    tools: FakeTools, tmp_path: Path, probe: str | None, said: list[str]
) -> None:
    notes: list[str] = []
    chosen = FlashOptions("bossac", probe, is_dry=True)
    (line,), _ = flash_by_tool(METHODS["bossac"], job(tmp_path, "bossac", probe), chosen, notes.append)
    assert f"--port={probe or 'PORT'} " in line and len(notes) == len(said)
    assert all(text in note for text, note in zip(said, notes, strict=True))


def test_pyocd_writes_then_reads_back(tools: FakeTools, tmp_path: Path) -> None:
    good_version(tools, "pyocd")
    tools.answer("json --probes", f"a warning\n{PYOCD_LIST}")
    tools.answer("flash --no-wait")
    tools.answer("commander", "Comparing 200 bytes @ 0x08000000\nAll 200 bytes match.")
    lines, is_verified = flash(tmp_path, "pyocd")
    options = ["--no-wait", "--target", "stm32f446retx", "--uid", "066DFF50"]
    assert tools.calls[2:] == [
        ["pyocd", "flash", *options, f"{tmp_path}/firmware.hex"],
        ["pyocd", "commander", *options, "--command", f'compare 0x08000000 "{tmp_path}/firmware.bin"', "--command",
         "reset"],
    ]  # fmt: skip
    assert is_verified and len(lines) == 2


def test_openocd_programs_and_verifies(tools: FakeTools, tmp_path: Path) -> None:
    good_version(tools, "openocd")
    tools.answer("program", "** Programming Finished **\n** Verified OK **\nshutdown command invoked")
    flash(tmp_path, "openocd", "066D")
    assert tools.calls[1:] == [
        ["openocd", "-c", "adapter serial 066D", "-f", "board/st_nucleo_f4.cfg", "-c",
         f"program {{{tmp_path}/firmware.elf}} verify reset exit"]
    ]  # fmt: skip


def test_openocd_takes_the_interface_first(tools: FakeTools, tmp_path: Path) -> None:
    steps = METHODS["openocd"].steps(replace(job(tmp_path, "dfu"), arguments={"interface": "i.cfg", "config": "c.cfg"}))
    assert steps[0].arguments[:4] == ("-f", "i.cfg", "-f", "c.cfg")


def test_openocd_refuses_a_path_that_its_language_would_read(tmp_path: Path) -> None:
    (tmp_path / "{a}").mkdir()
    with pytest.raises(UserError, match="openocd can't take the path"):
        METHODS["openocd"].steps(job(tmp_path / "{a}", "openocd"))


def test_st_flash_writes_the_binary_to_its_address(tools: FakeTools, tmp_path: Path) -> None:
    good_version(tools, "stlink")
    tools.answer("write", "2026 INFO common.c: Flash written and verified! jolly good!")
    flash(tmp_path, "stlink", "066D")
    options = ["--connect-under-reset", "--reset", "--serial", "066D"]
    assert tools.calls[1:] == [["st-flash", *options, "write", f"{tmp_path}/firmware.bin", "0x08000000"]]


def test_jlink_follows_a_command_file(tools: FakeTools, tmp_path: Path) -> None:
    tools.answer("-CommandFile", "Reading 200 bytes data from target memory @ 0x08000000.\nVerify successful.")
    flash(tmp_path, "jlink", "683")
    assert tools.calls == [
        ["JLinkExe", "-NoGui", "1", "-ExitOnError", "1", "-AutoConnect", "1", "-Device", "STM32F446RE", "-If", "SWD",
         "-Speed", "4000", "-SelectEmuBySN", "683", "-CommandFile", f"{tmp_path}/firmware.jlink"]
    ]  # fmt: skip
    assert (tmp_path / "firmware.jlink").read_text() == (
        f'r\nloadfile "{tmp_path}/firmware.hex"\nverifybin "{tmp_path}/firmware.bin", 0x8000000\nr\ng\nexit\n'
    )


def test_dfu_reads_back_and_compares(tools: FakeTools, tmp_path: Path) -> None:
    good_version(tools, "dfu")
    tools.answer("--list", DFU_LIST)
    tools.answer("--download", "File downloaded successfully")
    tools.answer("--upload", copies=(tmp_path / "firmware.bin", tmp_path / "firmware.readback"))
    flash(tmp_path, "dfu")
    common = ["--device", "0483:df11", "--alt", "0", "--serial", "357", "--dfuse-address"]
    assert tools.calls[2:] == [
        ["dfu-util", *common, "0x08000000", "--download", f"{tmp_path}/firmware.bin"],
        ["dfu-util", *common, "0x08000000:200:leave", "--upload", f"{tmp_path}/firmware.readback"],
    ]


def test_dfu_tells_another_byte(tools: FakeTools, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(bytes(200))
    good_version(tools, "dfu")
    tools.answer("--list", DFU_LIST)
    tools.answer("--download")
    tools.answer("--upload", copies=(other, tmp_path / "firmware.readback"))
    with pytest.raises(ToolError, match="what was read back differs from what was written"):
        flash(tmp_path, "dfu")


def test_a_dry_run_runs_nothing(tools: FakeTools, tmp_path: Path) -> None:
    for method in METHODS:
        lines, is_verified = flash(tmp_path, method, is_dry=True)
        assert lines and not is_verified and METHODS[method].tool.name in lines[0]
    assert tools.calls == []


SAYINGS = [
    (
        "pyocd",
        "No connected debug probes\nE No target device available",
        "pyocd finds no probe",
        "connect the debugger",
    ),
    ("pyocd", "C Target type stm32f446retx not recognized.", "doesn't know stm32f446retx", "pyocd pack install stm32f"),
    ("pyocd", "W NRF52840 APPROTECT enabled: not automatically unlocking", "is locked", "erases all its flash"),
    ("pyocd", "E STLink error: No ACK received", "the probe finds no chip", "powered"),
    ("pyocd", "[Errno 13] Access denied (insufficient permissions)", "no permission to use the probe", "udev rules"),
    ("pyocd", "E no flash memory region defined for 0x08100000", "larger than the flash of the chip", "is it"),
    ("openocd", "Error: open failed\n** OpenOCD init failed **", "openocd finds no probe", "connect the debugger"),
    ("openocd", "Error: Multiple devices found, specify the desired device", "several probes", "--probe ID"),
    ("openocd", "Error: libusb_open() failed with LIBUSB_ERROR_ACCESS\nError: open failed", "no permission", "udev"),
    ("openocd", "Warn : UNEXPECTED idcode: 0x6ba02477", "is no STM32F446RETx?", "connect NUCLEO-F446RE"),
    ("openocd", "Error: init mode failed (unable to connect to the target)", "finds no chip", "powered"),
    (
        "openocd",
        "Error: stm32x device protected\n** Programming Failed **",
        "is locked",
        "STM32_Prog.* -rdu",
    ),
    ("openocd", "Error: no flash bank found for address 0x08080000", "larger than the flash", "NUCLEO-F446RE"),
    ("openocd", "** Programming Finished **\n** Verify Failed **", "read back differs", "flash again"),
    ("openocd", "board/st_nucleo_f4.cfg:1: Error: Can't find board/st_nucleo_f4.cfg", "too old", "apt install openocd"),
    ("openocd", "Error: libusb_claim_interface() failed with LIBUSB_ERROR_BUSY", "another program uses", "end it"),
    ("stlink", "WARN usb.c: Couldn't find any ST-Link devices", "st-flash finds no probe", "connect the debugger"),
    ("stlink", "WARN common.c: unknown chip id! 0x450", "is no STM32F446RETx?", "connect NUCLEO"),
    ("stlink", "ERROR common_flash.c: Flash memory is write protected", "is locked", "-rdu"),
    ("stlink", "ERROR common.c: Can not connect to target. Please use 'connect under reset'", "no chip", "powered"),
    ("stlink", "ERROR: The size exceeds the size of the flash (0x00080000 bytes available)", "larger", "524,288 bytes"),
    ("stlink", "ERROR: Verification of flash failed at offset: 0", "read back differs", "flash again"),
    ("stlink", "ERROR: Target voltage (1500 mV) too low for flash writes!", "too little voltage", "power the board"),
    ("jlink", "Connecting to J-Link via USB...FAILED: Cannot connect to J-Link.", "JLinkExe finds no probe", "USB"),
    (
        "jlink",
        "Error occurred: Could not connect to the target device. Cannot connect to target.",
        "no chip",
        "powered",
    ),
    ("jlink", "Verify failed @ address 0x08000000.", "read back differs", "flash again"),
    ("dfu", "dfu-util: No DFU capable USB device available", "dfu-util finds no probe", "connect"),
    ("dfu", "dfu-util: Cannot open DFU device 0483:df11", "no permission", "udev"),
    ("dfu", "Error: Last page at 0x08100000 is not writeable", "larger than the flash", "Netduino"),
    ("dfu", "Error: Page at 0x08000000 is not readable", "is locked", "-rdu"),
    ("openocd", "Segmentation fault", "openocd failed", "the lines above"),
]


@pytest.mark.parametrize(("method", "says", "message", "hint"), SAYINGS)
def test_what_a_tool_says_becomes_a_sentence(
    tools: FakeTools, tmp_path: Path, method: str, says: str, message: str, hint: str
) -> None:
    good_version(tools, method)
    tools.answer("json --probes", PYOCD_LIST)
    tools.answer("--list", DFU_LIST)
    tools.answer("", says, code=1)
    with pytest.raises(ToolError, match=message) as caught:
        flash(tmp_path, method)
    error = caught.value
    assert error.exit_code == 3 and error.hint is not None
    assert re.search(hint, error.hint), error.hint
    assert says.splitlines()[-1] in "\n".join(error.details) and error.details[0].startswith("command: ")


@pytest.mark.parametrize("method", ["pyocd", "openocd", "stlink", "jlink"])
def test_success_that_does_not_say_verified_is_none(tools: FakeTools, tmp_path: Path, method: str) -> None:
    good_version(tools, method)
    tools.answer("json --probes", PYOCD_LIST)
    tools.answer("", "done")
    with pytest.raises(ToolError, match="failed"):
        flash(tmp_path, method)


def test_two_probes_are_listed_and_the_tool_never_chooses(tools: FakeTools, tmp_path: Path) -> None:
    good_version(tools, "pyocd")
    tools.answer("json --probes", TWO)
    for probe, message in ((None, "several probes"), ("06", "no probe 06"), ("FF", "no probe FF")):
        with pytest.raises(ToolError, match=message) as caught:
            flash(tmp_path, "pyocd", probe)
        assert caught.value.details == ("066DFF50: STM32 STLink", "0671AA00: STM32 STLink")
    assert not [call for call in tools.calls if call[1] == "flash"]
    tools.answer("flash")
    tools.answer("commander", "All 200 bytes match.")
    flash(tmp_path, "pyocd", "0671")
    assert "0671AA00" in tools.calls[-1]


def test_where_there_is_no_probe_the_tool_is_not_started(tools: FakeTools, tmp_path: Path) -> None:
    tools.answer("--version", "0.36.0")
    tools.answer("json --probes", json.dumps({"boards": []}))
    tools.answer("--list", "dfu-util 0.11")
    for method in ("pyocd", "dfu"):
        with pytest.raises(ToolError, match=f"{METHODS[method].tool.name} finds no probe"):
            flash(tmp_path, method)
    assert len(tools.calls) == 4


def test_usb_tells_of_probes_that_a_tool_cannot_list(
    tools: FakeTools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = tmp_path / "usb"
    for name, files in {
        "1-1": {"idVendor": "0483", "idProduct": "374b", "serial": "066D", "product": "STM32 STLink"},
        "1-2": {"idVendor": "0483", "idProduct": "374e", "serial": "0042", "product": "STLINK-V3"},
        "1-3": {"idVendor": "046d", "idProduct": "c31c", "product": "Keyboard"},
        "usb1": {},
    }.items():
        (devices / name).mkdir(parents=True)
        for file, text in files.items():
            (devices / name / file).write_text(text + "\n")
    monkeypatch.setattr(usb, "USB_DEVICES", devices)
    good_version(tools, "stlink")
    with pytest.raises(ToolError, match="st-flash finds several probes") as caught:
        flash(tmp_path, "stlink")
    assert caught.value.details == ("066D: STM32 STLink", "0042: STLINK-V3")
    assert "--probe ID" in (caught.value.hint or "")


def test_a_tool_that_is_too_old_is_refused(tools: FakeTools, tmp_path: Path) -> None:
    tools.answer("--version", "Open On-Chip Debugger 0.10.0\nLicensed under GNU GPL v2")
    with pytest.raises(ToolError, match=r"is version 0\.10\.0; sapmcu needs 0\.11 or newer") as caught:
        flash(tmp_path, "openocd")
    assert caught.value.hint == "Debian, Ubuntu: apt install openocd" and len(tools.calls) == 1


def test_a_tool_that_hangs_is_ended(tools: FakeTools, tmp_path: Path) -> None:
    good_version(tools, "openocd")
    tools.answer("program", seconds=60)
    with pytest.raises(ToolError, match=r"openocd didn't end in 0\.5 s") as caught:
        flash(tmp_path, "openocd", limit_s=0.5)
    assert "--timeout" in (caught.value.hint or "")


@pytest.fixture
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "empty" / "python"))


@pytest.mark.parametrize("method", METHODS)
def test_a_missing_tool_says_how_to_get_it(nothing_installed: None, tmp_path: Path, method: str) -> None:
    with pytest.raises(ToolError, match=f"{METHODS[method].tool.name} is not installed") as caught:
        flash(tmp_path, method)
    assert caught.value.hint == METHODS[method].tool.get


def test_without_any_tool_all_that_would_do_are_listed(nothing_installed: None) -> None:
    with pytest.raises(ToolError, match="no tool that flashes nucleo_f446re is installed") as caught:
        choose_method(load_board("nucleo_f446re"), None)
    assert [line.split(":")[0] for line in caught.value.details] == ["pyocd", "openocd", "st-flash", "JLinkExe"]
    assert choose_method(load_board("nucleo_f446re"), None, needs_tool=False).tool == "pyocd"


def test_the_first_tool_that_is_there_is_taken(nothing_installed: None, tmp_path: Path) -> None:
    board = load_board("nucleo_f446re")
    (tmp_path / "empty").mkdir()
    for name in ("JLinkExe", "st-flash"):
        (tmp_path / "empty" / name).write_text("")
        (tmp_path / "empty" / name).chmod(0o755)
    assert choose_method(board, None).tool == "stlink"
    assert choose_method(board, "jlink").tool == "jlink"
    assert choose_method(load_board("rpi_pico"), None).tool == "uf2"


def test_a_method_that_the_board_lacks_is_refused() -> None:
    board = load_board("nucleo_f446re")
    with pytest.raises(UserError, match="doesn't know how to flash nucleo_f446re by dfu") as caught:
        choose_method(board, "dfu")
    assert "pyocd, openocd, stlink, jlink" in (caught.value.hint or "")
    with pytest.raises(UserError, match=r"lacks flash\.pyocd\.target"):
        choose_method(replace(board, flash_methods=(FlashMethod("pyocd", {}),)), "pyocd")


@pytest.mark.parametrize("board", all_boards(), ids=lambda one: one.name)
def test_every_flash_table_of_a_board_file_is_a_method_with_its_keys(board: Board) -> None:
    for method in board.flash_methods:
        assert choose_method(board, method.tool) == method
