# SPDX-License-Identifier: Apache-2.0
"""The native engine on this machine: the network compiled by the host's C compiler, to run thousands of inputs.

It is the same generated C and the same kernels as on a board, but for the twins of two of them in
firmware/kernels/host/, which a host's compiler turns into vectors.
TFLM's reference kernels take five to six times as long.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from sapmcu import __version__
from sapmcu.build.toolchain import run_tool
from sapmcu.emit.native import emit_model_table, emit_native
from sapmcu.emit.native_kernels import kernel_files
from sapmcu.emit.origin import Origin
from sapmcu.errors import ToolError
from sapmcu.firmware_files import firmware_dir
from sapmcu.ir.graph import Array, Graph
from sapmcu.ir.native import NativeProgram
from sapmcu.ir.twins import Twins
from sapmcu.lower import lower_graph

COMPILERS = ("gcc", "clang", "cc")
OPTIONS = ("-std=c11", "-O3", "-w", "-ffp-contract=off")
"""-ffp-contract=off: as in the toolchains for boards."""
ZIG_OPTIONS = ("-fno-sanitize=all",)
THIS_MACHINE = (("-march=native",), ())
"""Tried in turn: some compilers don't know what they run on."""
APPLICATION = "apps/host/main.c"
TIMEOUT_S = 900
NO_MODEL = "00" * 32
"""In place of the SHA-256 of a file: nobody reads it here."""


def host_compiler() -> tuple[str, ...] | None:
    """The command of a C compiler for this machine: what is installed, else zig's clang from PyPI; None: none."""
    for name in COMPILERS:
        if shutil.which(name) is not None:
            return (name,)
    if find_spec("ziglang") is not None:
        return (sys.executable, "-m", "ziglang", "cc", *ZIG_OPTIONS)
    return None


class NativeHost:
    """A network, compiled when this is made, in a directory that goes when it does. It runs in processes of its own."""

    def __init__(self, graph: Graph, compiler: Sequence[str]) -> None:
        """graph: as the native engine runs it. compiler: of host_compiler.

        Raises: UserError with every op that the native engine can't run; ToolError where the compiler fails.
        """
        self._program = lower_graph(graph)
        directory = Path(tempfile.mkdtemp(prefix="sapmcu-"))
        self._remove = weakref.finalize(self, shutil.rmtree, directory, ignore_errors=True)
        self._executable = _compile(self._program, directory, compiler)

    def run(self, inputs: Sequence[Sequence[Array]]) -> list[list[Array]]:
        """One array per output for each set of inputs, which have the shapes and types of the graph.

        Raises: ToolError where the process crashes, or takes too long.
        """
        data = b"".join(array.tobytes() for one in inputs for array in one)
        outputs = self._program.outputs
        size = sum(tensor.size_bytes for tensor in outputs)
        found = self._process(data)
        assert len(found) == size * len(inputs), f"{self._program.name}: {len(found)} bytes of {len(inputs)} outputs"
        results, start = [], 0
        for _ in inputs:
            one = []
            for tensor in outputs:
                array = np.frombuffer(found, tensor.dtype.numpy, tensor.elements, start)
                one.append(array.reshape(tensor.shape))
                start += tensor.size_bytes
            results.append(one)
        return results

    def _process(self, data: bytes) -> bytes:
        name = self._program.name
        try:
            done = subprocess.run(
                [self._executable], input=data, stdout=subprocess.PIPE, timeout=TIMEOUT_S, check=False
            )
        except OSError as error:
            raise ToolError(f"{name}, compiled for this machine, can't be started: {error.strerror}") from error
        except subprocess.TimeoutExpired as error:
            raise ToolError(f"{name}, compiled for this machine, took over {TIMEOUT_S} s") from error
        if done.returncode != 0:
            raise ToolError(f"{name}, compiled for this machine, crashed", returncode=done.returncode)
        return done.stdout


def _compile(program: NativeProgram, directory: Path, compiler: Sequence[str]) -> Path:
    """All in one command; returns the executable."""
    origin = Origin(__version__, "for this machine")
    generated = {**emit_native(program, NO_MODEL, origin), **emit_model_table([program.name], origin)}
    for name, data in generated.items():
        (directory / name).write_bytes(data)
    kernels, _ = kernel_files(program, Twins.NONE)
    firmware = firmware_dir()
    sources = [*(host_twin(firmware / one) for one in kernels), firmware / APPLICATION]
    includes = [f"-I{directory}", f"-I{firmware / 'include'}", f"-I{firmware / 'kernels'}"]
    executable = directory / "model"
    files = [*(name for name in generated if name.endswith(".c")), *map(str, sources), "-o", str(executable)]
    for machine in THIS_MACHINE:
        command = [*compiler, *OPTIONS, *machine, *includes, *files]
        try:
            run_tool(command, directory, None, f"{program.name} doesn't compile for this machine")
        except ToolError as error:
            failure = error
        else:
            return executable
    raise failure


def host_twin(kernel: Path) -> Path:
    """What goes before a portable kernel here, where there is one."""
    twin = kernel.parent / "host" / kernel.name
    return twin if twin.is_file() else kernel
