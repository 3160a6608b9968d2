# SPDX-License-Identifier: Apache-2.0
"""Graphs as native C on this host, under sanitizers, against the reference: every tensor, every byte."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from firmware_project import C_OPTIONS, ORIGIN, run, write_files
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sapmcu.emit.native import emit_model_table, emit_native
from sapmcu.firmware_files import firmware_dir
from sapmcu.ir.graph import Array, Graph
from sapmcu.ir.native import NativeProgram
from sapmcu.lower import lower_graph
from sapmcu.plan.arena import align


@dataclass(frozen=True)
class HostCompiler:
    """A compiler and its sanitizers. headers: what its own lack."""

    command: tuple[str, ...]
    sanitizers: tuple[str, ...]
    headers: Mapping[str, bytes]


GCC = HostCompiler(("gcc",), ("-fsanitize=address,undefined", "-fno-sanitize-recover=all"), {})
CLANG = HostCompiler(
    (sys.executable, "-m", "ziglang", "cc"),
    ("-fsanitize=undefined", "-fno-sanitize-recover=all"),
    {
        "sanitizer/asan_interface.h": b"""\
#define ASAN_POISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
"""
    },
)
"""Of zig, which brings no ASan."""
GAP_BYTES = 32
"""Between tensors that are kept apart: what touches it is an error."""
SHA256 = bytes(range(32)).hex()
Values = Mapping[str, Array]


SERVING = ("sapmcu_serve", "sapmcu_frames", "sapmcu_send_row")
"""Files of the engine that need a port."""


def examples(strategy: st.SearchStrategy[Graph], count: int) -> list[Graph]:
    """The same `count` graphs on every run, to be compiled together."""
    found: list[Graph] = []

    @settings(
        max_examples=count,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def take(graph: Graph) -> None:
        found.append(graph)

    take()
    return found


def prefixed(graph: Graph, prefix: str) -> Graph:
    """The graph with other names of its tensors."""

    def names(old: Sequence[str | None]) -> tuple[str, ...]:
        return tuple(None if one is None else prefix + one for one in old)  # type: ignore[misc]

    tensors = {prefix + name: replace(one, name=prefix + name) for name, one in graph.tensors.items()}
    ops = tuple(replace(op, inputs=names(op.inputs), outputs=names(op.outputs)) for op in graph.ops)
    return replace(graph, tensors=tensors, ops=ops, inputs=names(graph.inputs), outputs=names(graph.outputs))


def joined(graphs: Sequence[Graph]) -> Graph:
    """One graph of all, to be compiled as one file; graph number n has its names behind `n:`."""
    parts = [prefixed(graph, f"{number}:") for number, graph in enumerate(graphs)]
    return Graph(
        "joined",
        {name: tensor for part in parts for name, tensor in part.tensors.items()},
        tuple(op for part in parts for op in part.ops),
        tuple(name for part in parts for name in part.inputs),
        tuple(name for part in parts for name in part.outputs),
    )


def spread(graph: Graph) -> tuple[NativeProgram, list[tuple[int, int]]]:
    """Every tensor with memory of its own, and the gaps around that nothing may touch."""
    program = lower_graph(graph, is_each_kept=True)
    assert not program.plan.scratch_offset_bytes, "scratch has no place here"
    sizes: dict[int, int] = {}
    for name, offset in program.plan.offset_bytes.items():
        sizes[offset] = max(sizes.get(offset, 0), graph.tensors[name].size_bytes)
    moved, end = {}, GAP_BYTES
    gaps = [(0, end)]
    for offset, size in sizes.items():
        moved[offset] = end
        gaps.append((end + size, align(end + size, 8) + GAP_BYTES))
        end = gaps[-1][1]
    offsets = {name: moved[offset] for name, offset in program.plan.offset_bytes.items()}
    return replace(program, plan=replace(program.plan, offset_bytes=offsets, arena_bytes=end)), gaps


def build_kernels(directory: Path, compiler: HostCompiler = GCC) -> Path:
    """All portable kernels and drivers as a library with sanitizers."""
    firmware = firmware_dir()
    engine = [path for path in sorted((firmware / "engine").glob("*.c")) if path.stem not in SERVING]
    sources = [*sorted((firmware / "kernels").glob("*.c")), *engine]
    options = (*C_OPTIONS, "-O1", *compiler.sanitizers, f"-I{firmware / 'include'}")
    run([*compiler.command, *options, "-c", *sources], cwd=directory)
    library = directory / "libkernels.a"
    run(["ar", "rcs", library, *sorted(directory.glob("*.o"))])
    return library


class Models:
    """Programs compiled with host_models.c, in a process of their own."""

    def __init__(
        self, directory: Path, library: Path, programs: Sequence[NativeProgram], compiler: HostCompiler = GCC
    ) -> None:
        files = {**compiler.headers, **emit_model_table([program.name for program in programs], ORIGIN)}
        for program in programs:
            files |= emit_native(program, SHA256, ORIGIN)
        write_files(directory, files)
        main = Path(__file__).parent / "host_models.c"
        sources = [directory / name for name in files if name.endswith(".c")]
        executable = directory / "models"
        includes = (f"-I{firmware_dir() / 'include'}", f"-I{directory}")
        options = (*C_OPTIONS, *compiler.sanitizers, *includes)
        run([*compiler.command, *options, *sources, main, library, "-o", executable])
        self._programs = list(programs)
        self._process = subprocess.Popen(
            [executable], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def close(self) -> None:
        self._process.communicate()

    def run(self, index: int, inputs: Values, untouched: Sequence[tuple[int, int]] = ()) -> bytes:
        """The arena of program `index` after a run."""
        program, process = self._programs[index], self._process
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        data = struct.pack("=2I", index, len(untouched))
        data += b"".join(struct.pack("=2I", *one) for one in untouched)
        data += b"".join(inputs[tensor.name].tobytes() for tensor in program.inputs)
        try:
            process.stdin.write(data)
            process.stdin.flush()
        except BrokenPipeError:
            pass
        arena = process.stdout.read(program.plan.arena_bytes)
        if len(arena) < program.plan.arena_bytes:
            raise AssertionError(process.stderr.read().decode(errors="replace")[:4000])
        return arena


def tensor_value(graph: Graph, program: NativeProgram, arena: bytes, name: str) -> Array:
    tensor, offset = graph.tensors[name], program.plan.offset_bytes[name]
    return np.frombuffer(arena[offset : offset + tensor.size_bytes], tensor.dtype.numpy).reshape(tensor.shape)


def assert_all_equal(graph: Graph, program: NativeProgram, arena: bytes, expected: Values) -> None:
    """Every tensor in the arena that `expected` knows."""
    for name in program.plan.offset_bytes:
        if name in expected:
            got = tensor_value(graph, program, arena, name)
            assert got.tobytes() == expected[name].tobytes(), (
                f"{name} of {', '.join(map(str, _ops_of(graph, name)))}\n got {got}\nnot {expected[name]}"
            )


def _ops_of(graph: Graph, name: str) -> Iterator[object]:
    yield from (op for op in graph.ops if name in op.outputs)
    for op in graph.ops:
        if name in op.outputs:
            yield from (graph.tensors[one] for one in op.present_inputs)
