# SPDX-License-Identifier: Apache-2.0
"""A memory map of very many steps, as in plans by rows and strips, by fewer of them: a picture has few columns."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise

from sapmcu.ir.memory_map import Box, Content, MemoryMap

MAX_STEPS = 200
"""Of a picture: more than four pixels each."""

Span = tuple[str, Content, int, int]
"""A tensor's name, what it is, and the bytes start..end−1 that it holds."""


def fullest_steps(plan: MemoryMap, most: int = MAX_STEPS) -> MemoryMap:
    """The map of at most so many steps: of as many equal parts of all steps the one with the most live bytes.

    So each column is what lies in the arena at its step, the peak among them. Rows of a tensor that lie together are
    one box for as long as they hold the same bytes.
    """
    count = len(plan.steps)
    if count <= most:
        return plan
    live_bytes = plan.live_bytes
    parts = pairwise(count * index // most for index in range(most + 1))
    shown = [max(range(*part), key=live_bytes.__getitem__) for part in parts]
    columns: list[dict[tuple[str, Content], list[tuple[int, int]]]] = [{} for _ in shown]
    for box in plan.boxes:
        for column in columns[bisect_left(shown, box.first) : bisect_right(shown, box.last)]:
            spans = column.setdefault((box.name, box.content), [])
            spans.append((box.offset_bytes, box.offset_bytes + box.size_bytes))
    held = [{(*key, *span) for key, spans in column.items() for span in _joined(spans)} for column in columns]
    boxes = sorted(_boxes(held), key=lambda one: (one.first, one.offset_bytes, one.name))
    return MemoryMap(plan.title, plan.size_bytes, tuple(plan.steps[step] for step in shown), tuple(boxes))


def _joined(spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The same bytes; what touches is one span."""
    first, last = min(spans)
    for start, end in sorted(spans):
        if start > last:
            yield first, last
            first = start
        last = max(last, end)
    yield first, last


def _boxes(columns: Sequence[set[Span]]) -> Iterator[Box]:
    """Of each column the spans; those of neighbours that are the same are one box."""
    begun: dict[Span, int] = {}
    for column, spans in enumerate((*columns, set[Span]())):
        for span in [one for one in begun if one not in spans]:
            name, content, start, end = span
            yield Box(name, content, begun.pop(span), column - 1, start, end - start)
        for span in spans:
            begun.setdefault(span, column)
