# SPDX-License-Identifier: Apache-2.0
"""A memory map as SVG: steps across, addresses up, a box for each tensor, the peak marked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from sapmcu.ir.memory_map import Box, MemoryMap
from sapmcu.report.html.fullest_steps import fullest_steps

WIDTH, HEIGHT = 960, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 22, 34
"""Margins for the axes."""
SHADES = 8
"""Colours c0..c7 of page.css."""
MIN_LABEL = (46, 13)
"""A box of so many pixels has room for its size in writing."""
TICKS = 4
PART_OF_STRIP = re.compile(r" (left by )?strip \d+$")
"""What a plan in strips adds to the name of a tensor, of which all parts have one colour."""


def map_svg(plan: MemoryMap) -> str:
    """An <svg> that needs no script: its boxes have titles, of which page.js makes tips."""
    plan = fullest_steps(plan)
    figure = _Figure(plan)
    parts = [*figure.axes(), *figure.boxes(), *figure.peak()]
    label = f"Memory of {plan.title} over time, {plan.size_bytes:,} bytes at the most"
    return (
        f'<svg class="map" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">'
        + "".join(parts)
        + "</svg>"
    )


class _Figure:
    """Pixels of steps and addresses."""

    def __init__(self, plan: MemoryMap) -> None:
        self.plan = plan
        self.step_width = (WIDTH - LEFT - RIGHT) / max(len(plan.steps), 1)
        self.byte_height = (HEIGHT - TOP - BOTTOM) / max(plan.size_bytes, 1)

    def x(self, step: float) -> float:
        return LEFT + step * self.step_width

    def y(self, offset_bytes: float) -> float:
        return HEIGHT - BOTTOM - offset_bytes * self.byte_height

    def axes(self) -> Iterator[str]:
        for number in range(TICKS + 1):
            value = self.plan.size_bytes * number // TICKS
            y = self.y(value)
            yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            yield f'<text class="axis" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:,}</text>'
        every = max(1, -(-len(self.plan.steps) // 24))
        for step in range(0, len(self.plan.steps), every):
            x, label = self.x(step + 0.5), escape(_first_number(self.plan.steps[step]))
            yield f'<text class="axis" x="{x:.1f}" y="{HEIGHT - BOTTOM + 14}" text-anchor="middle">{label}</text>'
        yield f'<text class="axis" x="{WIDTH - RIGHT}" y="{HEIGHT - 4}" text-anchor="end">op</text>'
        yield '<text class="axis" x="4" y="12">bytes</text>'

    def boxes(self) -> Iterator[str]:
        shades: dict[str, int] = {}
        for box in self.plan.boxes:
            shade = shades.setdefault(PART_OF_STRIP.sub("", box.name), len(shades) % SHADES)
            yield self.box(box, shade)

    def box(self, box: Box, shade: int) -> str:
        x, width = self.x(box.first), (box.last - box.first + 1) * self.step_width
        y, height = self.y(box.offset_bytes + box.size_bytes), box.size_bytes * self.byte_height
        tip = escape(self.tip(box))
        style = f"c{shade} {box.content.value}"
        rect = (
            f'<rect class="{style}" x="{x:.1f}" y="{y:.1f}" width="{max(width - 0.6, 0.4):.1f}" '
            f'height="{max(height - 0.6, 0.4):.1f}"><title>{tip}</title></rect>'
        )
        if width < MIN_LABEL[0] or height < MIN_LABEL[1]:
            return rect
        middle = f'x="{x + width / 2:.1f}" y="{y + height / 2 + 4:.1f}"'
        return rect + f'<text class="size" {middle} text-anchor="middle">{box.size_bytes:,}</text>'

    def tip(self, box: Box) -> str:
        steps = self.plan.steps[box.first]
        if box.last != box.first:
            steps += f" to {self.plan.steps[box.last]}"
        end = box.offset_bytes + box.size_bytes
        return f"{box.name}: {box.size_bytes:,} bytes at {box.offset_bytes:,}..{end - 1:,}; {steps}"

    def peak(self) -> Iterator[str]:
        if not self.plan.steps:
            return
        step = self.plan.peak
        x, y = self.x(step), self.y(self.plan.size_bytes)
        bottom = HEIGHT - BOTTOM - y
        anchor, at = ("end", x) if step > len(self.plan.steps) / 2 else ("start", x + self.step_width)
        text = f"peak: {self.plan.live_bytes[step]:,} bytes at {self.plan.steps[step]}"
        yield (
            f'<rect class="peak" x="{x:.1f}" y="{y:.1f}" width="{max(self.step_width, 1):.1f}" height="{bottom:.1f}"/>'
        )
        yield f'<text class="peak-text" x="{at:.1f}" y="{TOP - 8}" text-anchor="{anchor}">{escape(text)}</text>'


def _first_number(step: str) -> str:
    """'op 3 ADD' -> '3'."""
    return next((word for word in step.split() if word.isdigit()), step)
