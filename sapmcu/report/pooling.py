# SPDX-License-Identifier: Apache-2.0
"""Where a model down-samples, and what was replaced there, as text and JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.text import Text

from sapmcu.ir.pooling import PoolingSite, PoolingSites, Replaced, Shape
from sapmcu.report.terminal import columns, number, render


def render_sites(sites: PoolingSites, *, width: int | None = None) -> str:
    """A row a candidate."""
    title = Text(
        f"{sites.model}: largest maps read and written by one layer {number(sites.peak_bytes)} bytes, in int8, "
        f"at {sites.peak_layer}"
    )
    headings = ("at", "now", "window", "reads", "bytes", "writes", "bytes", "saves")
    table = columns(headings, [_row(one) for one in sites.sites], right=(4, 6, 7), flexible=0)
    note = Text("saves: of the largest maps, if the stride here is doubled (--option pool_size=..)")
    return render(title, Text(), table, Text(), note, width=width)


def _row(site: PoolingSite) -> tuple[str, ...]:
    return (
        site.name,
        site.kind,
        _shape(site.pool_size),
        _shape(site.input_shape),
        number(_bytes(site.input_shape)),
        _shape(site.output_shape),
        number(_bytes(site.output_shape)),
        "" if site.saves_bytes is None else number(site.saves_bytes),
    )


def _shape(shape: Shape) -> str:
    return "×".join(map(str, shape))


def _bytes(shape: Shape) -> int:
    """Of an int8 map."""
    height, width, channels = shape
    return height * width * channels


def render_replaced(done: Replaced) -> str:
    before, after = map(number, done.parameters)
    return (
        f"replaced {', '.join(done.names)} by {done.kind}: {before} parameters before, {after} now\n"
        f"wrote {done.out}; train it: the new poolings' weights are random"
    )


def sites_json(sites: PoolingSites) -> dict[str, Any]:
    """What `sapmcu pool MODEL --json` prints."""
    return asdict(sites)


def replaced_json(done: Replaced) -> dict[str, Any]:
    """What `sapmcu pool MODEL --at NAME --json` prints."""
    return asdict(done)
