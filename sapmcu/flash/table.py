# SPDX-License-Identifier: Apache-2.0
"""The methods by the name that board files give them. Others are command lines in a board file: own.py.

Patterns are what the tools say. Sources: OpenOCD src/jtag, src/flash and tcl; stlink src/stlink-lib; pyOCD; dfu-util
src; SEGGER's knowledge base, "J-Link Commander"; BOSSA's help.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from sapmcu.boards.board import FlashMethod
from sapmcu.errors import UserError
from sapmcu.flash.boot_loader import start_boot_loader
from sapmcu.flash.failures import Kind, Pattern
from sapmcu.flash.job import Job
from sapmcu.flash.method import Method, Probe, Step
from sapmcu.flash.own import own_method
from sapmcu.flash.probes import CMSIS_DAP, J_LINK, ST_LINK, usb_probes
from sapmcu.flash.tool import Tool, run_command

LIST_S = 30.0
SWD_KHZ = 4000
PERMISSION = Pattern(r"LIBUSB_ERROR_ACCESS|access denied|insufficient permissions|access error", Kind.PERMISSION)
BUSY = Pattern(r"LIBUSB_ERROR_BUSY|resource busy|already (used|in use|opened)|unable to claim", Kind.BUSY)


def _pyocd_steps(job: Job) -> tuple[Step, ...]:
    """`compare` reads all of it back; its answer tells, not its exit code."""
    options = ("--no-wait", "--target", job.text("target"), *(("--uid", job.probe) if job.probe else ()))
    compare = f'compare {job.base:#010x} "{job.bin}"'
    return (
        Step(("flash", *options, str(job.hex))),
        Step(("commander", *options, "--command", compare, "--command", "reset"), says=r"All \d+ bytes match"),
    )


def _pyocd_probes(path: Path) -> tuple[Probe, ...] | None:
    done = run_command((str(path), "json", "--probes"), LIST_S)
    try:
        boards = json.loads(done.output[done.output.index("{") :])["boards"]
        return tuple(Probe(one["unique_id"], one["info"]) for one in boards)
    except (ValueError, KeyError, TypeError):
        return None


PYOCD = Method(
    Tool("pyocd", "pip install 'sapmcu[flash]'", (0, 36)),
    ("target",),
    _pyocd_steps,
    (
        Pattern(r"no connected debug probe|no target device available", Kind.NO_PROBE),
        Pattern(r"target type \S+ not recognized", Kind.NO_PACK),
        Pattern(r"APPROTECT enabled|is locked|is secured|protected device", Kind.LOCKED),
        PERMISSION,
        BUSY,
        Pattern(r"no ack|unexpected ack|no cores were discovered|SWD/JTAG communication failure", Kind.NO_CHIP),
        Pattern(r"does not match the (expected )?(target|device)|unexpected (part|device) id", Kind.WRONG_CHIP),
        Pattern(r"no (flash )?memory region|outside of (flash|memory)|not within flash", Kind.TOO_LARGE),
        Pattern(r"mismatched byte", Kind.NOT_VERIFIED),
    ),
    _pyocd_probes,
    lists_all=True,
)


def _openocd_steps(job: Job) -> tuple[Step, ...]:
    name = str(job.elf)
    if re.search(r"[{}\\\"\[\]$;]", name):
        raise UserError(f"openocd can't take the path {name}", hint="choose one without brackets, quotes, $, ; and \\")
    interface = ("-f", job.text("interface")) if "interface" in job.arguments else ()
    serial = ("-c", f"adapter serial {job.probe}") if job.probe else ()
    program = ("-c", f"program {{{name}}} verify reset exit")
    return (Step((*interface, *serial, "-f", job.text("config"), *program), says=r"\*\* Verified OK \*\*"),)


OPENOCD = Method(
    Tool("openocd", "Debian, Ubuntu: apt install openocd", (0, 11)),
    ("config",),
    _openocd_steps,
    (
        Pattern(r"multiple devices found", Kind.SEVERAL),
        PERMISSION,
        BUSY,
        Pattern(r"can't find \S+\.cfg|invalid command name \"adapter\"", Kind.TOO_OLD),
        Pattern(r"AP lock engaged|device protected|memory write protected|RDP level", Kind.LOCKED),
        Pattern(
            r"Error: open failed|unable to find a matching CMSIS-DAP|No J-Link device found|no ST-LINK detected|"
            r"\((vid/pid|serial) mismatch\)|no device found",
            Kind.NO_PROBE,
        ),
        Pattern(r"UNEXPECTED idcode|expected 1 of|cannot identify target|auto_probe failed", Kind.WRONG_CHIP),
        Pattern(
            r"unable to connect to the target|cannot read IDR|Error connecting DP|examination failed", Kind.NO_CHIP
        ),
        Pattern(r"no flash bank found for address|access does not fit into bank", Kind.TOO_LARGE),
        Pattern(r"verify failed|contents differ|checksum mismatch", Kind.NOT_VERIFIED),
    ),
    lambda _: usb_probes(ST_LINK | J_LINK | CMSIS_DAP),
)


def _stlink_steps(job: Job) -> tuple[Step, ...]:
    """st-flash reads back what it wrote, and says so."""
    serial = ("--serial", job.probe) if job.probe else ()
    address = f"{job.base:#010x}"
    arguments = ("--connect-under-reset", "--reset", *serial, "write", str(job.bin), address)
    return (Step(arguments, says=r"written and verified"),)


STLINK = Method(
    Tool("st-flash", "Debian, Ubuntu: apt install stlink-tools", (1, 7)),
    (),
    _stlink_steps,
    (
        Pattern(r"couldn't find any ST-Link|no ST-Link", Kind.NO_PROBE),
        PERMISSION,
        BUSY,
        Pattern(r"unknown chip id|unrecognized flash type|unknown coreid", Kind.WRONG_CHIP),
        Pattern(r"can not connect to target|could not find chip id|failed to (enter SWD|halt|read core)", Kind.NO_CHIP),
        Pattern(r"write protected|failed to unlock", Kind.LOCKED),
        Pattern(r"voltage .* too low", Kind.NO_POWER),
        Pattern(r"exceeds the size of the flash", Kind.TOO_LARGE),
        Pattern(r"verification of flash failed", Kind.NOT_VERIFIED),
    ),
    lambda _: usb_probes(ST_LINK),
)


def _jlink_steps(job: Job) -> tuple[Step, ...]:
    """-ExitOnError: a command that fails ends it with an exit code that isn't 0."""
    script = job.elf.with_suffix(".jlink")
    lines = ("r", f'loadfile "{job.hex}"', f'verifybin "{job.bin}", {job.base:#x}', "r", "g", "exit")
    select = ("-SelectEmuBySN", job.probe) if job.probe else ()
    options = ("-NoGui", "1", "-ExitOnError", "1", "-AutoConnect", "1", "-Device", job.text("device"))
    connect = ("-If", "SWD", "-Speed", str(SWD_KHZ), *select)
    command = (*options, *connect, "-CommandFile", str(script))
    return (Step(command, says=r"Verify successful", files={script: "\n".join(lines) + "\n"}),)


JLINK = Method(
    Tool("JLink" if sys.platform == "win32" else "JLinkExe", "https://www.segger.com/downloads/jlink", version=()),
    ("device",),
    _jlink_steps,
    (
        Pattern(r"connecting to J-Link via USB\.\.\.FAILED|cannot connect to (the )?(J-Link|probe)", Kind.NO_PROBE),
        Pattern(r"unknown device|device .* is unknown|does not match the selected device", Kind.WRONG_CHIP),
        Pattern(r"protected against|readout protection|is secured|is locked|secure(d)? chip", Kind.LOCKED),
        Pattern(r"VTref=0\.0|target voltage too low", Kind.NO_POWER),
        Pattern(r"(cannot|could not) connect to target|could not find core", Kind.NO_CHIP),
        Pattern(r"address is out of|no flash bank|not in a flash area", Kind.TOO_LARGE),
        Pattern(r"verify failed|verification failed", Kind.NOT_VERIFIED),
        BUSY,
    ),
    lambda _: usb_probes(J_LINK),
)


def _dfu_steps(job: Job) -> tuple[Step, ...]:
    """Written, read back, compared; the second command starts the firmware."""
    serial = ("--serial", job.probe) if job.probe else ()
    common = ("--device", job.text("device"), "--alt", "0", *serial)
    back = job.bin.with_suffix(".readback")
    read = f"{job.base:#010x}:{job.bin.stat().st_size}:leave"
    return (
        Step((*common, "--dfuse-address", f"{job.base:#010x}", "--download", str(job.bin))),
        Step((*common, "--dfuse-address", read, "--upload", str(back)), equal=(job.bin, back)),
    )


def _dfu_probes(path: Path) -> tuple[Probe, ...] | None:
    """A device has a line for each of its memories."""
    done = run_command((str(path), "--list"), LIST_S)
    found = re.findall(r'Found DFU: \[(\S+)\].*serial="([^"]*)"', done.output)
    return tuple(Probe(serial, device) for device, serial in dict.fromkeys(found))


DFU = Method(
    Tool("dfu-util", "Debian, Ubuntu: apt install dfu-util", (0, 9)),
    ("device",),
    _dfu_steps,
    (
        Pattern(r"more than one DFU capable", Kind.SEVERAL),
        PERMISSION,
        Pattern(r"cannot open DFU device", Kind.PERMISSION),
        BUSY,
        Pattern(r"no DFU capable USB device", Kind.NO_PROBE),
        Pattern(r"is not readable|errVENDOR|dfuERROR.*read", Kind.LOCKED),
        Pattern(r"is not writeable|can not be erased", Kind.TOO_LARGE),
    ),
    _dfu_probes,
    lists_all=True,
)


def _bossac_steps(job: Job) -> tuple[Step, ...]:
    """The options are those that Arduino's own tools give for this boot loader."""
    return (Step(("-d", f"--port={job.probe or 'PORT'}", "-U", "-i", "-e", "-w", str(job.bin), "-R")),)


BOSSAC = Method(
    Tool("bossac", "arduino-cli core install arduino:mbed_nano; or Debian, Ubuntu: apt install bossa-cli", version=()),
    ("baud",),
    _bossac_steps,
    (
        Pattern(r"no device found on|no device found|failed to open port", Kind.NO_PROBE),
        PERMISSION,
        BUSY,
        Pattern(r"device unsupported|unsupported device", Kind.WRONG_CHIP),
        Pattern(r"file operation exceeds flash size|exceeds flash", Kind.TOO_LARGE),
        Pattern(r"verify failed", Kind.NOT_VERIFIED),
    ),
    lambda _: None,
    verifies=False,
    prepare=start_boot_loader,
    unnamed="PORT stands for the port of the board's boot loader",
)


METHODS: Mapping[str, Method] = {
    "pyocd": PYOCD,
    "openocd": OPENOCD,
    "stlink": STLINK,
    "jlink": JLINK,
    "dfu": DFU,
    "bossac": BOSSAC,
}
"""UF2 needs no tool: sapmcu/flash/drive.py."""


def method_of(chosen: FlashMethod) -> Method:
    """Of any but UF2."""
    return METHODS.get(chosen.tool) or own_method(chosen.tool, chosen.arguments)


def flash_tools() -> tuple[Tool, ...]:
    """All that `sapmcu flash` may start."""
    return tuple(method.tool for method in METHODS.values())
