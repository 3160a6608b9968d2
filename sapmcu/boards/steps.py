# SPDX-License-Identifier: Apache-2.0
"""What must happen to a board's registers, as data: a list of steps, which one C function walks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sapmcu.toml_table import MAX_ADDRESS, TableReader

MAX_WORD = MAX_ADDRESS - 1
MAX_PAUSE_TURNS = 1_000_000
MAX_PAIRS = 1024
ACTIONS = ("write", "set", "clear", "until_set", "until_clear", "pairs", "pause_turns")


class Action(StrEnum):
    """What a step does to its register.

    WRITE: value. CHANGE: the bits of mask to those of value. WAIT: until the bits of mask are those of value. PAIRS: of
    address and word, `value` of them at `register` or fewer, to which an address of ones ends the list: write each.
    PAUSE: `value` turns of an empty loop.
    """

    WRITE = "write"
    CHANGE = "change"
    WAIT = "wait"
    PAIRS = "pairs"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True)
class RegisterStep:
    """name: of the register as the manual calls it; why: what the step does there."""

    action: Action
    name: str
    register: int
    mask: int
    value: int
    why: str


def parse_steps(reader: TableReader, key: str) -> tuple[RegisterStep, ...]:
    """The steps that `key` lists; none where it is missing or an empty list."""
    if not reader.has(key) or reader.is_empty_list(key):
        return ()
    return tuple(map(_step, reader.tables(key)))


def _step(reader: TableReader) -> RegisterStep:
    """One of write, set and clear (clear first), until_set and until_clear, pairs, pause_turns."""
    lows = {"write": 0}
    highs = {"pairs": MAX_PAIRS, "pause_turns": MAX_PAUSE_TURNS}
    values = {
        key: reader.integer(key, lows.get(key, 1), highs.get(key, MAX_WORD)) for key in ACTIONS if reader.has(key)
    }
    if len(values) != 1 and values.keys() not in ({"set", "clear"}, {"until_set", "until_clear"}):
        found = ", ".join(values) or "none"
        reader.complain("", f"must have one of {', '.join(ACTIONS)}, or set and clear, or both until; has {found}")
    action, mask, value = _meaning(values)
    why = reader.text("why")
    if action is Action.PAUSE:
        reader.finish()
        return RegisterStep(action, "", 0, mask, value, why)
    register = reader.integer("register", 0, MAX_WORD)
    if register % 4:
        reader.complain("register", f"must be the address of a word, is {register:#010x}")
    step = RegisterStep(action, reader.text("name"), register, mask, value, why)
    reader.finish()
    return step


def _meaning(values: dict[str, int]) -> tuple[Action, int, int]:
    """(action, mask, value)."""
    if "write" in values:
        return Action.WRITE, MAX_WORD, values["write"]
    if "pairs" in values:
        return Action.PAIRS, MAX_WORD, values["pairs"]
    if "pause_turns" in values:
        return Action.PAUSE, MAX_WORD, values["pause_turns"]
    if "until_set" in values or "until_clear" in values:
        value = values.get("until_set", 0)
        return Action.WAIT, value | values.get("until_clear", 0), value
    value = values.get("set", 0)
    return Action.CHANGE, value | values.get("clear", 0), value
