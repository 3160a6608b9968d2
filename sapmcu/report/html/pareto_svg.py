# SPDX-License-Identifier: Apache-2.0
"""SRAM against MACs as SVG: a point for each plan of both engines, the native engine's fronts as steps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from sapmcu.ir.memory import MemoryReport

WIDTH, HEIGHT = 960, 340
LEFT, RIGHT, TOP, BOTTOM = 64, 132, 18, 40
"""Margins for the axes and for the boards' names."""
MIN_SHARE = 0.05
"""The axis of MACs shows as many more at least."""
LINE = 14
"""Pixels between two lines of text."""
NEAR = 40
"""Points within so many pixels have their labels in one column."""
COLUMN = 180
"""Pixels across that a label takes."""
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
MAX_TICKS = 8


@dataclass(frozen=True, slots=True)
class _Point:
    """share: extra MACs. series: its colour. label: None where the line that it is on has one."""

    arena_bytes: int
    share: float
    series: int
    label: str | None
    tip: str


def pareto_svg(memory: MemoryReport) -> str:
    """An <svg> that needs no script: its points have titles, of which page.js makes tips."""
    figure = _Figure(memory)
    parts = [*figure.axes(), *figure.boards(), *figure.fronts(), *figure.circles(), *figure.labels()]
    label = f"SRAM against MACs of {len(figure.points)} plans"
    return f'<svg class="pareto" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


class _Figure:
    """Pixels of MACs across and bytes up, these on a logarithmic scale."""

    def __init__(self, memory: MemoryReport) -> None:
        self.memory = memory
        self.points = list(_points(memory))
        sizes = [point.arena_bytes for point in self.points]
        self.low = math.floor(math.log2(max(min(sizes), 1)))
        self.high = max(math.ceil(math.log2(max(*sizes, 2))), self.low + 1)
        self.most = max(MIN_SHARE, *(point.share for point in self.points))

    def x(self, share: float) -> float:
        return LEFT + share / self.most * (WIDTH - LEFT - RIGHT - LINE) + LINE / 2

    def y(self, arena_bytes: float) -> float:
        part = (math.log2(max(arena_bytes, 1)) - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)

    def axes(self) -> Iterator[str]:
        for power in range(self.low, self.high + 1):
            y = self.y(2**power)
            yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            yield f'<text class="axis" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_size(2**power)}</text>'
        step = next((one for one in TICKS if self.most / one <= MAX_TICKS), TICKS[-1])
        for number in range(int(self.most / step + 1e-9) + 1):
            x = self.x(number * step)
            text = f"+{number * step:.0%}" if number else "its MACs"
            yield f'<text class="axis" x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{text}</text>'
        yield f'<text class="axis" x="{WIDTH - RIGHT}" y="{HEIGHT - 6}" text-anchor="end">more MACs</text>'
        yield '<text class="axis" x="4" y="11">bytes of arena</text>'

    def boards(self) -> Iterator[str]:
        """What boards have, where the names have room."""
        rooms: dict[int, list[str]] = {}
        for room in self.memory.boards:
            rooms.setdefault(room.arena_bytes, []).append(room.name)
        before = -math.inf
        for size in sorted(rooms, reverse=True):
            y = self.y(size)
            if not TOP <= y <= HEIGHT - BOTTOM:
                continue
            yield f'<line class="board" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            if y - before >= LINE:
                more = f" +{len(rooms[size]) - 1}" if len(rooms[size]) > 1 else ""
                text = escape(f"{rooms[size][0]}{more}")
                yield f'<text class="axis" x="{WIDTH - RIGHT + 6}" y="{y + 4:.1f}">{text}</text>'
                before = y

    def fronts(self) -> Iterator[str]:
        """Steps: a plan serves until the next one has enough MACs."""
        for series in (FRONT, FRONT_BY_ROWS):
            front = [point for point in self.points if point.series == series]
            path = ""
            for point in front:
                x, y = self.x(point.share), self.y(point.arena_bytes)
                path += f"H{x:.1f}V{y:.1f}" if path else f"M{x:.1f} {y:.1f}"
            if front and self.memory.pareto:
                yield f'<path class="front s{series}" d="{path}H{self.x(self.most):.1f}"/>'

    def circles(self) -> Iterator[str]:
        for point in self.points:
            tip = escape(point.tip)
            yield (
                f'<circle class="c{point.series}" cx="{self.x(point.share):.1f}" cy="{self.y(point.arena_bytes):.1f}" '
                f'r="5"><title>{tip}</title></circle>'
            )

    def labels(self) -> Iterator[str]:
        """To the right of points and above lines, from top to bottom, moved down where they would meet."""
        labelled = sorted((one for one in self.points if one.label is not None), key=lambda one: -one.arena_bytes)
        placed: list[tuple[float, float]] = []
        for point in labelled:
            x = max(x for one in labelled if abs((x := self.x(one.share)) - self.x(point.share)) < NEAR) + 9
            y = self.y(point.arena_bytes) + (-5 if self.memory.pareto and point.series in (FRONT, FRONT_BY_ROWS) else 4)
            y = max([y, *(its_y + LINE for its_x, its_y in placed if abs(its_x - x) < COLUMN)])
            placed.append((x, y))
            yield f'<text class="label" x="{x:.1f}" y="{y:.1f}">{escape(str(point.label))}</text>'


TFLM, WHOLE, FRONT, FRONT_BY_ROWS = 1, 0, 2, 3
"""Colours of page.css, by series."""


def _points(memory: MemoryReport) -> Iterator[_Point]:
    """The plans that the engines are compared by, then those of the fronts that are not among them."""
    macs = max(memory.macs, 1)
    seen = set()
    for engine, series in zip(memory.engines, _series([one.name for one in memory.engines]), strict=True):
        seen.add((series, engine.arena_bytes, engine.extra_macs))
        share = engine.extra_macs / macs
        yield _Point(engine.arena_bytes, share, series, engine.name, _tip(engine.name, engine.arena_bytes, share))
    for one in memory.pareto:
        series = FRONT_BY_ROWS if one.is_by_rows else FRONT
        if (series, one.arena_bytes, one.extra_macs) not in seen:
            share = one.extra_macs / macs
            name = "native, input by rows" if one.is_by_rows else "native, by rows"
            yield _Point(one.arena_bytes, share, series, None, _tip(name, one.arena_bytes, share))


def _series(names: Sequence[str]) -> Iterator[int]:
    """TFLM's plans, then the native engine's: op after op, by rows, with its input by rows, too."""
    native = iter((WHOLE, FRONT, FRONT_BY_ROWS))
    for name in names:
        yield next(native) if name.startswith("native") else TFLM


def _tip(name: str, arena_bytes: int, share: float) -> str:
    return f"{name}: {arena_bytes:,} bytes, {f'{share:.1%} more MACs' if share else 'no more MACs'}"


def _size(size_bytes: int) -> str:
    """As 512, 64 KiB, 2 MiB."""
    for unit, name in ((1 << 20, " MiB"), (1 << 10, " KiB")):
        if size_bytes >= unit:
            return f"{size_bytes // unit:,}{name}"
    return f"{size_bytes:,}"
