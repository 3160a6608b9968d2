# SPDX-License-Identifier: Apache-2.0
"""The script that sets a machine up in Renode. Source: Renode documentation, "Monitor and script syntax", "UART"."""

from __future__ import annotations

from sapmcu.boards.board import Board
from sapmcu.emit.c_source import c_comment
from sapmcu.emit.origin import Origin
from sapmcu.emit.renode.platform import uart_name
from sapmcu.ir.build import Engine

HOST = "host"
"""What the socket that the host talks through is called in Renode."""


def firmware_path(engine: Engine) -> str:
    """Where `sapmcu build` puts the firmware that talks through the UART, from renode/."""
    return f"../build/{engine}-gcc-uart/firmware.elf"


def emit_script(board: Board, model: str, engine: Engine, origin: Origin) -> bytes:
    """The bytes of the .resc file; it starts nothing. By macros: reset loads $bin, serve opens $port."""
    vectors = board.region(board.defaults.code).base + board.defaults.code_offset_bytes
    uart = f"sysbus.{uart_name(board)}"
    lines = [
        f":name: {c_comment(model)} on {board.title}",
        f":description: {origin.lines[0]}",
        f"# {origin.lines[1]}",
        "# $bin: the firmware. $platform: the board; Renode's own, where it has one, may have more of it.",
        "# $port: where runMacro $serve lets the host reach the UART.",
        "",
        "using sysbus",
        f'$name?="{board.name}"',
        f"$bin?=$ORIGIN/{firmware_path(engine)}",
        f"$platform?=$ORIGIN/{board.name}.repl",
        "",
        "mach create $name",
        "machine LoadPlatformDescription $platform",
        "",
        "macro reset",
        '"""',
        "    sysbus LoadELF $bin",
        f"    cpu VectorTableOffset {vectors:#010x}",
        '"""',
        "",
        "macro serve",
        '"""',
        f'    emulation CreateServerSocketTerminal $port "{HOST}" false',
        f"    connector Connect {uart} {HOST}",
        '"""',
        "",
        "runMacro $reset",
    ]
    return ("\n".join(lines) + "\n").encode("ascii")
