# SPDX-License-Identifier: Apache-2.0
"""The page of `sapmcu doctor`, and its JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from sapmcu.doctor import Diagnosis, Need
from sapmcu.report.terminal import columns, render


def render_doctor(diagnosis: Diagnosis, *, width: int | None = None) -> str:
    """What can be done, what is there, and how to get the rest."""
    needs = [(need.name, "yes" if not need.missing(diagnosis.parts) else "NO", need.what) for need in diagnosis.needs]
    there = [
        (part.name, part.version or "", ", ".join(diagnosis.uses(part.name)))
        for part in diagnosis.parts.values()
        if part.is_there
    ]
    parts: list[RenderableType] = [
        columns(("for", "ready", "which is to"), needs, flexible=2),
        Text(),
        columns(("found", "version", "for"), there, flexible=1),
    ]
    if missing := [part for part in diagnosis.parts.values() if not part.is_there]:
        parts += [Text(), Text("not found")]
        parts += [Text(f"  {part.name} ({', '.join(diagnosis.uses(part.name))}): {part.get}") for part in missing]
    parts += [Text(), Text("connected"), *(Text(f"  {line}") for line in diagnosis.connected or ("nothing",))]
    return render(*parts, width=width)


def doctor_json(diagnosis: Diagnosis) -> dict[str, Any]:
    """What `sapmcu doctor --json` prints."""
    return {
        "needs": [
            {
                "name": need.name,
                "what": need.what,
                "is_met": not need.missing(diagnosis.parts),
                "missing": list(_missing(diagnosis, need)),
            }
            for need in diagnosis.needs
        ],
        "parts": [
            {
                "name": part.name,
                "version": part.version,
                "place": part.place,
                "for": list(diagnosis.uses(part.name)),
                "get": part.get,
            }
            for part in diagnosis.parts.values()
        ],
        "connected": list(diagnosis.connected),
    }


def _missing(diagnosis: Diagnosis, need: Need) -> Iterator[dict[str, Any]]:
    for group in need.missing(diagnosis.parts):
        yield {"one_of": list(group), "get": diagnosis.parts[group[0]].get}
