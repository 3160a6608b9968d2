# SPDX-License-Identifier: Apache-2.0
"""`sapmcu doctor`: which tools are here, what each is for, what is missing for what, and how to get it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from sapmcu.errors import ToolError
from sapmcu.flash.probes import CMSIS_DAP, J_LINK, ST_LINK, usb_probes
from sapmcu.flash.table import flash_tools
from sapmcu.flash.tool import Tool, find_tool, run_command

VERSION_S = 20.0
NUMBER = re.compile(r"\d+\.\d+(?:\.\d+)*\S*")
PACKAGING = re.compile(r"\([^()]*\)")
"""gcc says "(15:12.2.rel1-1) 12.2.1"."""
CXX_LIBRARY = "libstdc++_nano.a"
TFLM = "TFLM library"
GXX = "arm-none-eabi-g++"


@dataclass(frozen=True, slots=True)
class Part:
    """A tool, a package or a library. version: None where it isn't there. place: its path, or what it is."""

    name: str
    version: str | None
    place: str
    get: str

    @property
    def is_there(self) -> bool:
        return self.version is not None


@dataclass(frozen=True, slots=True)
class Need:
    """Something that a user wants to do. parts: of each group one must be there."""

    name: str
    what: str
    parts: tuple[tuple[str, ...], ...]

    def missing(self, parts: Mapping[str, Part]) -> tuple[tuple[str, ...], ...]:
        """The groups of which nothing is there."""
        return tuple(group for group in self.parts if not any(parts[name].is_there for name in group))


FLASH_TOOLS = tuple(tool.name for tool in flash_tools())
NEEDS = (
    Need("convert", "convert an int8 .tflite", (("ai-edge-litert",),)),
    Need("prove", "prove each conversion against TFLM itself", (("tflite-micro",),)),
    Need("keras", "convert and train Keras models", (("tensorflow",), ("tf-keras",))),
    Need("onnx", "convert ONNX models", (("onnx",), ("onnxruntime",), ("onnx2tf",), ("tensorflow",))),
    Need("quantize", "quantize float .tflite models", (("litert-quantizer", "tensorflow"),)),
    Need("images", "read pictures as samples", (("pillow",),)),
    Need("plot", "draw plots", (("matplotlib",),)),
    Need("build", "build firmware", (("arm-none-eabi-gcc", "ziglang"), ("pyelftools",))),
    Need("run", "run firmware in unicorn", (("unicorn",), ("capstone",), ("pyelftools",))),
    Need("qemu", "run firmware in QEMU, by a UART, too", (("qemu-system-arm",),)),
    Need("renode", "run whole boards in Renode", (("renode",),)),
    Need("tflm", "build firmware on TensorFlow Lite Micro", (("arm-none-eabi-gcc",), (GXX,), (TFLM,))),
    Need("flash", "write firmware to boards; UF2 boards need no tool", (FLASH_TOOLS,)),
    Need("serial", "run, test and monitor boards at a serial port", (("pyserial",),)),
)

PACKAGES = {
    "ai-edge-litert": ("ai_edge_litert", "pip install sapmcu"),
    "tflite-micro": ("tflite_micro", "pip install tflite-micro (Linux x86-64 only)"),
    "tensorflow": ("tensorflow", "pip install 'sapmcu[keras]'"),
    "tf-keras": ("tf_keras", "pip install 'sapmcu[keras]'"),
    "onnx": ("onnx", "pip install 'sapmcu[onnx]'"),
    "onnxruntime": ("onnxruntime", "pip install 'sapmcu[onnx]'"),
    "onnx2tf": ("onnx2tf", "pip install 'sapmcu[onnx]'"),
    "litert-quantizer": ("litert_quantizer", "pip install 'sapmcu[quantize]'"),
    "pillow": ("PIL", "pip install 'sapmcu[images]'"),
    "matplotlib": ("matplotlib", "pip install 'sapmcu[plot]'"),
    "ziglang": ("ziglang", "pip install 'sapmcu[toolchain]'"),
    "pyelftools": ("elftools", "pip install 'sapmcu[toolchain]'"),
    "unicorn": ("unicorn", "pip install 'sapmcu[emulator]'"),
    "capstone": ("capstone", "pip install 'sapmcu[emulator]'"),
    "pyserial": ("serial", "pip install 'sapmcu[serial]'"),
}
"""Distribution -> (module, what installs it)."""
COMMANDS = (
    Tool("arm-none-eabi-gcc", "Debian, Ubuntu: apt install gcc-arm-none-eabi libnewlib-arm-none-eabi"),
    Tool("qemu-system-arm", "Debian, Ubuntu: apt install qemu-system-arm"),
    *flash_tools(),
)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """connected: debug probes and serial ports, one line each, with what is wrong with them."""

    parts: Mapping[str, Part]
    needs: tuple[Need, ...]
    connected: tuple[str, ...]

    def uses(self, name: str) -> tuple[str, ...]:
        """What a part is for."""
        return tuple(need.name for need in self.needs if any(name in group for group in need.parts))


def diagnose(tflm: Path | None) -> Diagnosis:
    """Look for everything. tflm: the user's directory, None where there is none."""
    parts = [*map(_package, PACKAGES), *map(_command, COMMANDS), _renode(), _cxx_library(), _tflm(tflm)]
    return Diagnosis({part.name: part for part in parts}, NEEDS, tuple(_connected()))


def check_needs(diagnosis: Diagnosis, names: Sequence[str]) -> None:
    """Raises: ToolError where something is missing for one of these needs."""
    lines, hints = [], []
    for need in diagnosis.needs:
        if need.name in names:
            for group in need.missing(diagnosis.parts):
                lines.append(f"{need.name} ({need.what}) needs {' or '.join(group)}")
                hints.append(diagnosis.parts[group[0]].get)
    if lines:
        error = ToolError(f"something is missing for {', '.join(names)}", hint="; ".join(dict.fromkeys(hints)))
        error.details = tuple(lines)
        raise error


def _package(name: str) -> Part:
    module, get = PACKAGES[name]
    if find_spec(module) is None:
        return Part(name, None, "", get)
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:  # tensorflow-cpu, for instance
        version = "of an unknown version"
    return Part(name, version, "Python package", get)


def _command(tool: Tool) -> Part:
    path = find_tool(tool)
    if path is None:
        return Part(tool.name, None, "", tool.get)
    version = _version(tool, path)
    numbers = tuple(map(int, re.findall(r"\d+", version)[:3]))
    if numbers and numbers < tool.least:
        least = ".".join(map(str, tool.least))
        return Part(tool.name, None, str(path), f"{path} is version {version}, {least} is needed; {tool.get}")
    return Part(tool.name, version, str(path), tool.get)


def _version(tool: Tool, path: Path) -> str:
    """What it says; a tool that says nothing is there all the same."""
    if not tool.version:
        return "there"
    try:
        found = NUMBER.search(PACKAGING.sub("", run_command((str(path), *tool.version), VERSION_S).output))
    except ToolError as error:
        return f"doesn't start: {error.message}"
    return "there" if found is None else found[0].rstrip(",)")


def _renode() -> Part:
    from sapmcu.run.renode import HINT, find_renode

    try:
        path = find_renode("")
    except ToolError as error:
        return Part("renode", None, "", f"{error.message}; {HINT}")
    return Part("renode", _version(Tool("renode", HINT), Path(path)), path, HINT)


def _cxx_library() -> Part:
    """The C++ library comes in a package of its own, beside a compiler that may be there."""
    get = "Debian, Ubuntu: apt install libstdc++-arm-none-eabi-newlib"
    path = shutil.which(GXX)
    if path is None:
        return Part(GXX, None, "", f"{COMMANDS[0].get}; {get}")
    place = run_command((path, f"-print-file-name={CXX_LIBRARY}"), VERSION_S).output.strip()
    if not Path(place).is_absolute():
        return Part(GXX, None, "", get)
    return Part(GXX, _version(Tool(GXX, get), Path(path)), place, get)


def _tflm(directory: Path | None) -> Part:
    """What the library is built for, if there is one."""
    get = "a project's firmware/README.md says how to build it; then --tflm DIR, or SAPMCU_TFLM=DIR"
    if directory is None:
        return Part(TFLM, None, "", get)
    return _built(directory, get) if find_spec("elftools") is not None else Part(TFLM, "unknown", str(directory), get)


def _built(directory: Path, get: str) -> Part:
    from sapmcu.build.attributes import library_targets
    from sapmcu.build.tflm import find_tflm

    try:
        archive = find_tflm(directory)
        targets = [one for one in library_targets(archive) if one.arch is not None]
    except (ToolError, OSError, ValueError) as error:
        return Part(TFLM, None, "", f"{error}; {get}")
    archs = ", ".join(sorted({one.arch or "" for one in targets})) or "no Arm core"
    is_hard = any(one.is_hard_float for one in targets)
    return Part(TFLM, f"for Arm {archs}, {'hard' if is_hard else 'soft'} float ABI", str(archive), get)


def _connected() -> Iterator[str]:
    for probe in usb_probes(ST_LINK | J_LINK | CMSIS_DAP) or ():
        yield f"debug probe {probe.what or 'without a name'}, serial number {probe.id or 'unknown'}"
    if find_spec("serial") is None:
        return
    from sapmcu.run.serial_port import group_hint, serial_ports

    for port in serial_ports():
        line = f"serial port {port.device}, {port.description}"
        may_use = os.access(port.device, os.R_OK | os.W_OK)
        yield line if may_use else f"{line}: no permission; {group_hint(Path(port.device))}"
