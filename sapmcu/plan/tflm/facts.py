# SPDX-License-Identifier: Apache-2.0
"""facts.toml, typed: what TFLM's structs, parameters and op data weigh."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Block:
    """What one allocation asks for."""

    size_bytes: int
    alignment: int


@dataclass(frozen=True, slots=True)
class Build:
    """The figures of one build: host, arm with reference kernels, or arm with CMSIS-NN."""

    structs: Mapping[str, Block]
    parameters: Mapping[str, Block]
    op_data: Mapping[str, int]
    prepare: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Facts:
    """temporaries: by op, references to operands in the order in which Prepare makes them; an op that isn't among its
    keys is one whose allocations aren't known."""

    arena_alignment: int
    max_scratch_per_op: int
    planner_buffer_bytes: int
    builds: Mapping[str, Build]
    compression_structs: Mapping[str, int]
    compression_op_data: Mapping[str, int]
    pypi_parameters: Mapping[str, Block]
    temporaries: Mapping[str, tuple[str, ...]]


@cache
def load_facts() -> Facts:
    """Read the table that lies beside this file."""
    table = tomllib.loads(files("sapmcu.plan.tflm").joinpath("facts.toml").read_text(encoding="utf-8"))
    return Facts(
        **table["constants"],
        builds={build: _build(table, build) for build in ("host", "arm", "cmsis_nn")},
        compression_structs=table["compression"]["structs"],
        compression_op_data=table["compression"]["op_data"],
        pypi_parameters={op: Block(*pair) for op, pair in table["pypi"]["parameters"].items()},
        temporaries={op: tuple(order.split()) for order, group in table["temporaries"].items() for op in group},
    )


def _build(table: Mapping[str, Any], build: str) -> Build:
    def column(name: str) -> dict[str, Any]:
        return {key: _pick(value, build) for key, value in table[name].items()}

    return Build(
        structs={key: Block(*pair) for key, pair in column("structs").items()},
        parameters={key: Block(*pair) for key, pair in column("parameters").items()},
        op_data=column("op_data"),
        prepare=column("prepare"),
    )


def _pick(value: Any, build: str) -> Any:
    """The build's own figure, else that of arm, else the one for all."""
    return value.get(build, value["arm"]) if isinstance(value, dict) else value
