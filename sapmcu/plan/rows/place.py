# SPDX-License-Identifier: Apache-2.0
"""Offsets for rows: blocks of rows that lie together, packed into the least height."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence

import numpy as np

from sapmcu.plan.rows.first_fit import Block, FirstFit, Found, Placement, live_bytes, search, starts_of

MAX_REPAIRS = 60
CROWDED = 0.8
"""Where more than this share of the peak lives, places decide."""
GOOD = 1.02
"""Plans of so many times the bound aren't improved in another way."""
MAX_PLACED_BETWEEN = 8_000
"""Of search, for the blocks between two cuts."""


def place(blocks: Sequence[Block], cuts: Sequence[int] = ()) -> Placement:
    """cuts: steps that few blocks live across, as between strips."""
    if not blocks:
        return Placement((), 0, 0)
    bound = int(live_bytes(blocks).max())
    found = _between(blocks, cuts, bound) if cuts else None
    if found is None or found.size_bytes > GOOD * bound:
        other = _crowded_first(blocks)
        found = other if found is None or other.size_bytes < found.size_bytes else found
    return Placement(found.offset_bytes, found.size_bytes, bound)


def _between(blocks: Sequence[Block], cuts: Sequence[int], bound: int) -> Found:
    """First what lives at a cut, in several orders; then what lives between two, each part by itself."""
    spans = [(bisect_right(cuts, block.first), bisect_right(cuts, block.last)) for block in blocks]
    across = [index for index, (first, last) in enumerate(spans) if first < last]
    parts: dict[int, list[int]] = {}
    for index, (first, last) in enumerate(spans):
        if first == last:
            parts.setdefault(first, []).append(index)
    live = live_bytes(blocks)
    highest_first = sorted(parts.values(), key=lambda part: -max(int(live[blocks[index].first]) for index in part))
    keys: tuple[Callable[[int], tuple[int, ...]], ...] = (
        lambda index: (spans[index][0] - spans[index][1], blocks[index].first),
        lambda index: (-blocks[index].size_bytes, blocks[index].first),
        lambda index: (-blocks[index].area, blocks[index].first),
        lambda index: (blocks[index].first,),
    )
    fit, best = FirstFit(blocks), None
    for key in keys:
        order = [index for _, index in sorted((key(index), index) for index in across)]
        found = _placed(fit, order, highest_first, bound)
        best = found if best is None or found.size_bytes < best.size_bytes else best
        if best.size_bytes <= GOOD * bound:
            break
    assert best is not None
    return best


def _placed(fit: FirstFit, across: list[int], parts: Sequence[list[int]], bound: int) -> Found:
    """Those across in this order; then each part in its best one, as good as for what is highest anyway."""
    fit.hold([0] * len(fit.blocks), range(len(fit.blocks)))
    offsets = fit.run(across)
    size = max((fit.ends[index] for index in across), default=0)
    for part in parts:
        some = [fit.blocks[index] for index in part]
        starts = [([part[one] for one in order], step) for order, step in starts_of(some, live_bytes(some))]
        fit.hold(offsets, part)
        found = search(fit, starts, max(bound, size), MAX_PLACED_BETWEEN)
        offsets, size = found.offset_bytes, max(size, found.size_bytes)
    return Found(size, across, offsets)


def _crowded_first(blocks: Sequence[Block]) -> Found:
    """First what lives where much lives, alone, for it decides; then all, beginning with that; then what sticks out."""
    live = live_bytes(blocks)
    bound = int(live.max())
    crowded = np.concatenate([[0], np.cumsum(live > CROWDED * bound)])
    core = [index for index, one in enumerate(blocks) if crowded[one.last + 1] > crowded[one.first]]
    order = sorted(set(range(len(blocks))) - set(core), key=lambda index: (-blocks[index].area, index))
    fit = FirstFit(blocks)
    if order:
        some = [blocks[index] for index in core]
        found = search(FirstFit(some), starts_of(some, live), bound)
        order = [*(core[index] for index in found.order), *order]
        least = found.size_bytes
        return _repaired(fit, search(fit, ((order, 0.35), *starts_of(blocks, live)), least), least)
    return search(fit, starts_of(blocks, live), bound)


def _repaired(fit: FirstFit, found: Found, target: int) -> Found:
    """Again and again, places anew for the block that lies highest and those that live beside it.

    Where that doesn't help, those that live beside one of these move, too.
    """
    is_wide = False
    for _ in range(MAX_REPAIRS):
        if found.size_bytes <= target:
            break
        fit.hold(found.offset_bytes, ())
        moved = fit.beside([fit.ends.index(found.size_bytes)])
        moved = fit.beside(moved) if is_wide else moved
        some = [fit.blocks[index] for index in moved]
        starts = [([moved[one] for one in order], step) for order, step in starts_of(some, live_bytes(some))]
        fit.hold(found.offset_bytes, moved)
        again = search(fit, starts, target)
        is_better = again.size_bytes < found.size_bytes
        if is_better:
            fit.hold(again.offset_bytes, ())
            found = Found(max(fit.ends), found.order, again.offset_bytes)
        elif is_wide:
            break
        is_wide = not is_better
    return found
