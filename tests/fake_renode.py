# SPDX-License-Identifier: Apache-2.0
"""What stands in for Renode where it isn't installed: the same command line, the same Monitor over telnet, the same
socket for a UART, and behind it the firmware in QEMU.

It takes only what tests/renode_facts.toml has a source for, in the syntax of tests/renode_syntax.py. How it misbehaves
is the environment's FAKE_RENODE; its version FAKE_RENODE_VERSION. Run as a program.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from renode_syntax import PlatformSyntaxError, parse_platform, script_commands, tokens

FACTS = tomllib.loads(Path(__file__).with_name("renode_facts.toml").read_text(encoding="utf-8"))
NEGOTIATION = bytes([255, 253, 0, 255, 253, 31, 255, 251, 1, 255, 251, 3, 255, 252, 34])
"""IAC DO BINARY, DO NAWS, WILL ECHO, WILL SUPPRESS_GO_AHEAD, WONT LINEMODE. Source: SocketServerProvider.cs."""
MODE = os.environ.get("FAKE_RENODE", "")
VERSION = os.environ.get("FAKE_RENODE_VERSION", "1.16.1")
RED, DARK_YELLOW, PLAIN = "\x1b[91m", "\x1b[33m", "\x1b[0m"
EMPTY_SPAN, SPAN = 30, 1028
"""Instructions between the hooks, as it tells them: of the empty function, of any other call."""


class RefusedError(Exception):
    """The Monitor's error."""


class Machine:
    """What the Monitor has set up."""

    def __init__(self) -> None:
        self.prompt = "monitor"
        self.names: set[str] = {"sysbus"}
        self.elf = Path()
        self.port = 0
        self.hooks: list[int] = []
        self.terminal: socket.socket | None = None
        self.is_connected = False


class Monitor:
    """Commands, variables and macros."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.variables: dict[str, str] = {}
        self.macros: dict[str, str] = {}
        self.printed = ""

    def run(self, line: str) -> str:
        """What is printed. Raises: RefusedError."""
        self.printed = ""
        self._run(line)
        return self.printed

    def _run(self, line: str) -> None:
        try:
            words = tokens(line)
        except PlatformSyntaxError as error:
            raise RefusedError(f"Could not tokenize here:\r\n{error}") from None
        if not words:
            return
        if words[0][0] == "variable" and len(words) == 3 and words[1][0] == "assign":
            if words[1][1] == "=" or words[0][1] not in self.variables:
                self.variables[words[0][1]] = self._expanded(words[2])
            return
        if words[0] == ("word", "macro"):
            self.macros[words[1][1]] = words[2][1].strip('"')
            return
        if words[0] == ("word", "runMacro"):
            for one in self.macros[words[1][1].removeprefix("$")].strip().split("\n"):
                self._run(one.strip())
            return
        self._call(words)

    def _expanded(self, token: tuple[str, str]) -> str:
        kind, text = token
        if kind != "variable":
            return text
        name, slash, rest = text.partition("/")
        if name not in self.variables:
            raise RefusedError(f"No such variable: {name}")
        return self.variables[name] + slash + rest

    def _call(self, words: list[tuple[str, str]]) -> None:
        text = [self._expanded(one) for one in words]
        for count in (2, 1):
            name = " ".join(text[:count])
            if name in FACTS["commands"]:
                handler: Callable[..., None] = getattr(self, "_" + re.sub(r"\W", "_", name).lower())
                try:
                    handler(*text[count:])
                except (TypeError, PlatformSyntaxError, OSError) as error:
                    raise RefusedError(
                        f"There was an error executing command '{' '.join(text)}': \r\n{error}"
                    ) from None
                return
        raise RefusedError(f"No such command or device: {text[0]}")

    def _using(self, prefix: str) -> None:
        assert prefix == "sysbus"

    def _loglevel(self, level: str) -> None:
        assert level in ("-1", "0", "1", "2", "3")

    def _include(self, path: str) -> None:
        file = as_path(path)
        self.variables["$ORIGIN"] = f"@{str(file.parent).replace(' ', chr(92) + ' ')}"
        for command in script_commands(file.read_text(encoding="utf-8")):
            self._run(command)

    def _mach_create(self, name: str) -> None:
        self.machine.prompt = name.strip('"')

    def _machine_loadplatformdescription(self, path: str) -> None:
        if MODE == "refuses":
            raise PlatformSyntaxError("Error E00: peripheral doesn't exist")
        for entry in parse_platform(as_path(path).read_text(encoding="utf-8")).values():
            self.machine.names.add(f"sysbus.{entry.name}")
            for statement in entry.init:
                self._run(f"{entry.name} {statement}")

    def _sysbus_tag(self, place: str, name: str, value: str) -> None:
        assert place.startswith("<") and name.startswith('"') and int(value, 0) >= 0

    def _sysbus_loadelf(self, path: str) -> None:
        self.machine.elf = as_path(path)
        self.machine.elf.stat()

    def _cpu_vectortableoffset(self, address: str) -> None:
        assert int(address, 0) % 128 == 0

    def _sysbus_cpu_addhook(self, address: str, script: str) -> None:
        assert "self.ExecutedInstructions" in script
        self.machine.hooks.append(int(address, 0))

    def _emulation_createserversocketterminal(self, port: str, name: str, telnet: str) -> None:
        assert telnet == "false" and name.startswith('"')
        self.machine.names.add(name.strip('"'))
        if MODE != "no-uart":
            self.machine.terminal = socket.create_server(("127.0.0.1", int(port)))

    def _connector_connect(self, peripheral: str, terminal: str) -> None:
        for name in (peripheral, terminal):
            if name not in self.machine.names:
                raise PlatformSyntaxError(f"Could not find device {name}.")
        self.machine.is_connected = True

    def _python(self, script: str) -> None:
        if "print" in script and MODE != "no-counts":
            assert len(self.machine.hooks) == 2
            counts = [0, EMPTY_SPAN, *(n * 10_000 + k for n in range(1, 40) for k in (0, SPAN))]
            self.printed += f"counts {' '.join(map(str, counts))}\r\n"

    def _start(self) -> None:
        assert self.machine.is_connected
        if MODE == "hangs-up":
            os._exit(3)
        threading.Thread(target=run_firmware, args=(self.machine,), daemon=True).start()

    def _quit(self) -> None:
        os._exit(0)


def as_path(token: str) -> Path:
    assert token.startswith("@"), token
    return Path(token[1:].replace("\\ ", " "))


def run_firmware(machine: Machine) -> None:
    """QEMU's serial port and the terminal's socket, each into the other."""
    assert machine.terminal is not None
    connection, _ = machine.terminal.accept()
    if MODE == "silent-device":
        time.sleep(60)
    command = ("qemu-system-arm", "-machine", "mps2-an386", "-display", "none", "-monitor", "none", "-serial", "stdio")
    pipe = subprocess.PIPE
    with subprocess.Popen((*command, "-kernel", str(machine.elf)), stdin=pipe, stdout=pipe, bufsize=0) as qemu:
        assert qemu.stdin is not None and qemu.stdout is not None
        threading.Thread(target=pump, args=(qemu.stdout.fileno(), connection), daemon=True).start()
        received = 0
        while data := connection.recv(1 << 16):
            received += len(data)
            if MODE == "dies" and received > 100:
                os._exit(5)
            qemu.stdin.write(data)
        qemu.kill()


def pump(source: int, target: socket.socket) -> None:
    while data := os.read(source, 1 << 16):
        target.sendall(data)


def serve(port: int, is_plain: bool) -> None:
    """The Monitor for one connection after the other."""
    machine = Machine()
    monitor = Monitor(machine)
    red, yellow, off = ("", "", "") if is_plain and MODE != "colours" else (RED, DARK_YELLOW, PLAIN)
    with socket.create_server(("127.0.0.1", port)) as server:
        print("[INFO] Monitor available in telnet mode on port", port, flush=True)
        connection, _ = server.accept()

    def send(text: str) -> None:
        parts = text.encode() if MODE != "slow" else b""
        for char in text if MODE == "slow" else "":
            connection.sendall(char.encode())
            time.sleep(0.0005)
        connection.sendall(parts.replace(b"\xff", b"\xff\xff"))

    connection.sendall(NEGOTIATION)
    if MODE == "silent":
        time.sleep(60)
    send(f"{off}\n\n\rRenode, version {VERSION}.12345 (0cd6e174-202508311750)\n\r\n\r{yellow}({machine.prompt}) {off}")
    line = ""
    while data := connection.recv(4096):
        for char in data.decode():
            if char not in "\r\n":
                line += char
                send(char)
                continue
            send("\n\r")
            try:
                send(monitor.run(line))
            except RefusedError as error:
                send(f"{red}{error}\r\n{off}")
            line = ""
            send(f"{yellow}({machine.prompt}) {off}")


def main() -> None:
    options = sys.argv[1:]
    assert all(one in FACTS["options"]["names"] or one.isdigit() for one in options), options
    if options == ["--version"]:
        print(f"Renode v{VERSION}\n  build: 0cd6e174-202602161200\n  build type: Release\n  runtime: .NET 8.0.0")
        return
    assert "--disable-gui" in options
    if MODE == "dies-at-start":
        print("[ERROR] no license to simulate", flush=True)
        sys.exit(4)
    serve(int(options[options.index("--port") + 1]), "--plain" in options)


if __name__ == "__main__":
    main()
