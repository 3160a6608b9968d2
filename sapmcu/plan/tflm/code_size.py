# SPDX-License-Identifier: Apache-2.0
"""How much flash TFLM's code takes for the ops of a graph: an estimate, from code_size.toml.

The reference models' applications are met within 2 %; built for another core or with other options they differ more.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from sapmcu.ir.graph import DType, Graph, Op
from sapmcu.ir.memory import Kernels
from sapmcu.plan.tflm.node import facts_code


@dataclass(frozen=True, slots=True)
class CodeSize:
    """base: of any application. own: what only this op needs. shared: what an op needs with others, once for all."""

    base_bytes: int
    own_bytes: Mapping[str, int]
    shared: tuple[tuple[int, frozenset[str]], ...]


@cache
def load_code_sizes() -> Mapping[Kernels, CodeSize]:
    """Read the table that lies beside this file."""
    table = tomllib.loads(files("sapmcu.plan.tflm").joinpath("code_size.toml").read_text(encoding="utf-8"))
    return {
        kernels: CodeSize(
            table[kernels]["base"],
            table[kernels]["own"],
            tuple((size, frozenset(ops)) for size, *ops in table[kernels]["shared"]),
        )
        for kernels in Kernels
    }


def engine_bytes(graph: Graph, kernels: Kernels) -> int:
    """Interpreter and kernels of exactly these ops, int8-only where TFLM has such; unknown ops count nothing."""
    sizes = load_code_sizes()[kernels]
    wide = {facts_code(op) for op in graph.ops if not _is_int8(graph, op)}
    names = set()
    for code in {facts_code(op) for op in graph.ops}:
        int8_only = f"{code}_INT8"
        names.add(int8_only if code not in wide and int8_only in sizes.own_bytes else code)
    own = sum(sizes.own_bytes.get(name, 0) for name in names)
    return sizes.base_bytes + own + sum(size for size, sharers in sizes.shared if names & sharers)


def _is_int8(graph: Graph, op: Op) -> bool:
    """Whether all activations of the op are int8."""
    tensors = [graph.tensors[name] for name in (*op.present_inputs, *op.outputs)]
    return all(tensor.dtype is DType.INT8 for tensor in tensors if not tensor.is_constant)
