# SPDX-License-Identifier: Apache-2.0
"""Steps of registers as const tables of C."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sapmcu.boards.steps import RegisterStep
from sapmcu.emit.c_source import c_comment


def steps_table(name: str, steps: Sequence[RegisterStep]) -> list[str]:
    """The lines that define `name`, and an empty one; nothing where there are no steps."""
    if not steps:
        return []
    return [f"static const sapmcu_step {name}[] = {{", *(line for step in steps for line in _step(step)), "};", ""]


def steps_reference(name: str, steps: Sequence[RegisterStep]) -> str:
    """The value of a sapmcu_steps."""
    return f"{{{name}, {len(steps)}}}" if steps else "{NULL, 0}"


def _step(step: RegisterStep) -> Iterator[str]:
    numbers = ", ".join(f"{number:#010x}u" for number in (step.register, step.mask, step.value))
    title = ": ".join(filter(None, (step.name, step.why)))
    yield f"    /* {c_comment(title)} */"
    yield f"    {{SAPMCU_STEP_{step.action.name}, {numbers}}},"
