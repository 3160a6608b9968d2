# SPDX-License-Identifier: Apache-2.0
"""Offsets for rows: blocks of rows that lie together, packed into the least height."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence

import numpy as np

from sapmcu.ir.graph import Array
from sapmcu.plan.rows.first_fit import Block, FirstFit, Found, Placement, Start, live_bytes, search, starts_of

MAX_REPAIRS = 60
CROWDED = 0.8
"""Where more than this share of the peak lives, places decide."""
GOOD = 1.02
"""Plans of so many times the bound aren't improved in another way."""
MAX_PLACED_BETWEEN = 8_000
"""Of search, for the blocks between two cuts."""
MANY = 2_000
"""More blocks than these are only placed part by part, if there are cuts: first fit of all of them takes seconds."""
NO_LIMIT = 1 << 62
FEW = 0.3
"""Where no more than this share of the peak lives across a cut, what lives before it and behind it is placed apart."""


def place(blocks: Sequence[Block], cuts: Sequence[int] = ()) -> Placement:
    """cuts: steps that few blocks live across, as between strips."""
    found = place_below(blocks, cuts, NO_LIMIT)
    assert found is not None
    return found


def place_below(blocks: Sequence[Block], cuts: Sequence[int], limit: int) -> Placement | None:
    """None where more than limit bytes are needed."""
    if not blocks:
        return Placement((), 0, 0)
    live = live_bytes(blocks)
    bound = int(live.max())
    across, epochs = _parts(blocks, range(len(blocks)), _few_across(blocks, cuts, int(FEW * bound)), live)
    fit = FirstFit([blocks[index] for index in across])
    fit.run(sorted(range(len(across)), key=lambda number: (-fit.blocks[number].area, number)))
    offsets, size = dict(zip(across, fit.offsets, strict=True)), max(fit.ends, default=0)
    for epoch in epochs:
        known = sorted((*across, *epoch))
        found = _Epoch(
            FirstFit([blocks[index] for index in known]),
            [offsets.get(index, 0) for index in known],
            [number for number, index in enumerate(known) if index not in offsets],
            max(bound, size),
        ).placed(cuts)
        size = max(size, found.size_bytes)
        if size > limit:
            return None
        offsets |= dict(zip(known, found.offset_bytes, strict=True))
    return Placement(tuple(offsets[index] for index in range(len(blocks))), size, bound)


def _few_across(blocks: Sequence[Block], cuts: Sequence[int], few_bytes: int) -> list[int]:
    """The cuts that few bytes live across."""
    change = np.zeros(max(block.last for block in blocks) + 2, np.int64)
    for block in blocks:
        change[block.first + 1] += block.size_bytes
        change[block.last + 1] -= block.size_bytes
    across = np.cumsum(change)
    return [cut for cut in cuts if cut < len(across) and across[cut] <= few_bytes]


def _parts(
    blocks: Sequence[Block], some: Sequence[int], cuts: Sequence[int], live: Array
) -> tuple[list[int], list[list[int]]]:
    """(those of some blocks that live across a cut, those between two cuts, where most lives first)."""
    across: list[int] = []
    parts: dict[int, list[int]] = {}
    for index in some:
        first, last = bisect_right(cuts, blocks[index].first), bisect_right(cuts, blocks[index].last)
        if first < last:
            across.append(index)
        else:
            parts.setdefault(first, []).append(index)
    return across, sorted(parts.values(), key=lambda part: -max(int(live[blocks[index].first]) for index in part))


class _Epoch:
    """Some blocks, for which there are places beside others that have theirs. target: bytes that are good enough."""

    def __init__(self, fit: FirstFit, offsets: Sequence[int], some: Sequence[int], target: int) -> None:
        self.fit, self.offsets, self.some, self.target = fit, offsets, some, target
        self.blocks = fit.blocks
        first, last = min(self.blocks[index].first for index in some), max(self.blocks[index].last for index in some)
        self.live = live_bytes(self.blocks)
        self.live[:first] = self.live[last + 1 :] = 0

    def placed(self, cuts: Sequence[int]) -> Found:
        found = self.between(cuts) if cuts else None
        is_seen_whole = found is None or len(self.some) <= MANY
        if found is None or (is_seen_whole and found.size_bytes > GOOD * self.target):
            other = self.crowded_first()
            found = other if found is None or other.size_bytes < found.size_bytes else found
        return found

    def starts(self, some: Sequence[int], live: Array | None = None) -> list[Start]:
        blocks = [self.blocks[index] for index in some]
        starts = starts_of(blocks, live_bytes(blocks) if live is None else live)
        return [([some[one] for one in order], step) for order, step in starts]

    def between(self, cuts: Sequence[int]) -> Found:
        """First what lives at a cut, in several orders; then what lives between two, each part by itself."""
        blocks = self.blocks
        across, parts = _parts(blocks, self.some, cuts, self.live)
        cuts_of = {
            index: bisect_right(cuts, blocks[index].last) - bisect_right(cuts, blocks[index].first) for index in across
        }
        keys: tuple[Callable[[int], tuple[int, ...]], ...] = (
            lambda index: (-cuts_of[index], blocks[index].first),
            lambda index: (-blocks[index].size_bytes, blocks[index].first),
            lambda index: (-blocks[index].area, blocks[index].first),
            lambda index: (blocks[index].first,),
        )
        best: Found | None = None
        for key in keys:
            order = [index for _, index in sorted((key(index), index) for index in across)]
            best = self.filled(order, parts, best) or best
            assert best is not None
            if best.size_bytes <= GOOD * self.target:
                break
        assert best is not None
        return best

    def filled(self, across: list[int], parts: Sequence[list[int]], best: Found | None) -> Found | None:
        """Those across in this order; then each part in its best one, as good as for what is highest anyway.

        None where that isn't better than the best.
        """
        fit = self.fit
        fit.hold(self.offsets, self.some)
        offsets = fit.run(across)
        size = max((fit.ends[index] for index in across), default=0)
        for part in parts:
            if best is not None and size >= best.size_bytes:
                return None
            fit.hold(offsets, part)
            found = search(fit, self.starts(part), max(self.target, size), MAX_PLACED_BETWEEN)
            offsets, size = found.offset_bytes, max(size, found.size_bytes)
        return Found(size, across, offsets) if best is None or size < best.size_bytes else None

    def crowded_first(self) -> Found:
        """First what lives where much lives, alone, for it decides; then all, beginning with that; then what sticks
        out.
        """
        fit, blocks, some = self.fit, self.blocks, self.some
        crowded = np.concatenate([[0], np.cumsum(self.live > CROWDED * self.live.max())])
        core = [index for index in some if crowded[blocks[index].last + 1] > crowded[blocks[index].first]]
        others = sorted(set(some) - set(core), key=lambda index: (-blocks[index].area, index))
        fit.hold(self.offsets, some)
        found = search(fit, self.starts(core, self.live), self.target)
        if not others:
            return found
        least = found.size_bytes
        starts = [([*found.order, *others], 0.35), *self.starts(some, self.live)]
        fit.hold(self.offsets, some)
        return self.repaired(search(fit, starts, least), least)

    def repaired(self, found: Found, target: int) -> Found:
        """Again and again, places anew for the block that lies highest and those that live beside it.

        Where that doesn't help, those that live beside one of these move, too.
        """
        fit, some, is_wide = self.fit, set(self.some), False
        for _ in range(MAX_REPAIRS):
            if found.size_bytes <= target:
                break
            fit.hold(found.offset_bytes, ())
            highest = next(index for index in self.some if fit.ends[index] == found.size_bytes)
            moved = [index for index in fit.beside([highest]) if index in some]
            moved = [index for index in fit.beside(moved) if index in some] if is_wide else moved
            fit.hold(found.offset_bytes, moved)
            again = search(fit, self.starts(moved), target)
            is_better = again.size_bytes < found.size_bytes
            if is_better:
                fit.hold(again.offset_bytes, ())
                found = Found(max(fit.ends[index] for index in self.some), found.order, again.offset_bytes)
            elif is_wide:
                break
            is_wide = not is_better
        return found
