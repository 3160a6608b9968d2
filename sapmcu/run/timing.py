# SPDX-License-Identifier: Apache-2.0
"""How many clock ticks instructions take on a core: timings.toml, read."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

TIMINGS = Path(__file__).with_name("timings.toml")
DATA = "data"
"""The class of all instructions that have no other."""


@dataclass(frozen=True, slots=True)
class Timing:
    """cycles + per_register · registers, and refill more where the flow changes. source: in the core's manual."""

    cycles: int
    per_register: int
    refill: int
    source: str


@dataclass(frozen=True, slots=True)
class CoreTimings:
    """A core's rows by class, and what neighbours do to each other.

    pipelines_loads: a load or store behind a load takes one cycle less. folds_it: an IT behind a 16-bit instruction
    takes none. address_stall: cycles that an address waits for the instruction before. float_result_stall: cycles that
    an instruction waits for the float computed before it. class_of: mnemonic -> class; DATA for others.
    """

    core: str
    manual: str
    pipelines_loads: bool
    folds_it: bool
    address_stall: int
    float_result_stall: int
    rows: Mapping[str, Timing]
    class_of: Mapping[str, str]

    def row(self, name: str) -> Timing:
        """The row of a class; DATA's where the core has none of its own."""
        return self.rows.get(name, self.rows[DATA])


def timed_cores() -> tuple[str, ...]:
    """The cores whose cycles can be estimated."""
    return tuple(name for name in _table() if name != "classes")


def core_timings(core: str) -> CoreTimings | None:
    """None where no model of the core is known."""
    table = _table()
    if core not in timed_cores():
        return None
    own = table[core]
    facts = {**table[own["like"]], **own} if "like" in own else own
    return CoreTimings(
        core=core,
        manual=own["manual"],
        pipelines_loads=facts.get("pipelines_loads", False),
        folds_it=facts.get("folds_it", False),
        address_stall=facts.get("address_stall", 0),
        float_result_stall=facts.get("float_result_stall", 0),
        rows={name: _timing(row) for name, row in facts.items() if isinstance(row, dict)},
        class_of={mnemonic: name for name, mnemonics in table["classes"].items() for mnemonic in mnemonics},
    )


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(TIMINGS.read_text(encoding="ascii"))


def _timing(row: Mapping[str, Any]) -> Timing:
    return Timing(_middle(row["cycles"]), row.get("per_register", 0), _middle(row.get("refill", 0)), row["source"])


def _middle(value: int | list[int]) -> int:
    """Of a range its middle, rounded up."""
    return value if isinstance(value, int) else -(-sum(value) // 2)


def timing_source(timings: CoreTimings, wait_states: int) -> str:
    """What an estimate stands on, for readers."""
    waits = f"{wait_states} wait states of flash" if wait_states else "no wait states"
    return f"{timings.manual}; {waits}"
