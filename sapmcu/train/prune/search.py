# SPDX-License-Identifier: Apache-2.0
"""The least that must go for an arena to fit: channels that live at the peak first."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from sapmcu.ir.graph import Array
from sapmcu.train.prune.graph import ChannelGraph
from sapmcu.train.prune.memory import Live
from sapmcu.train.prune.rank import Block, Widths


def peak_path(graph: ChannelGraph, live: Live, widths: Widths) -> tuple[list[Block], list[int]]:
    """Blocks in the order in which they go, and the estimated peak, in bytes, after none, one, two... of them.

    Each block is the one that costs least for each byte that it saves at the present peak, where the cost is its share
    of the scores that its group has left: so a group grows dearer as it narrows. Where nothing can go at the peak, the
    next highest counts. The path ends where every group is as narrow as it may be.
    """
    is_kept = graph.kept(())
    stuck: set[Hashable] = set()
    blocks: list[Block] = []
    ranked = live.ranked(is_kept)
    peaks = [ranked[0][0]]
    while True:
        peak, place = next(((peak, place) for peak, place in ranked if place not in stuck), (0, None))
        if place is None:
            return blocks, peaks
        offers = []
        for group in range(len(graph.groups)):
            block = widths.weakest(group)
            saved = peak - live.bytes_at(place, _without(is_kept, block)) if block else 0
            if saved > 0:
                offers.append((widths.share(group, block) / saved, group))
        if not offers:
            stuck.add(place)
            continue
        blocks.append(widths.take(min(offers)[1]))
        is_kept = _without(is_kept, blocks[-1])
        ranked = live.ranked(is_kept)
        peaks.append(ranked[0][0])


def _without(is_kept: Array, block: Block) -> Array:
    left = is_kept.copy()
    left[list(block)] = False
    return left


def first_fitting(peaks: Sequence[int], arena_bytes: Callable[[int], int], limit: int) -> int | None:
    """The first place on the path whose exact arena is at most `limit` bytes; None where even the last is above.

    arena_bytes: of a place; it falls along the path. Guesses by the peaks, corrected by the last exact figure, so that
    few of the slow exact ones are needed.
    """
    low, high = 0, len(peaks)  # low is above the limit, high fits or lies behind the path
    error = arena_bytes(0) - peaks[0]
    if peaks[0] + error <= limit:
        return 0
    while high - low > 1:
        guess = next((place for place, peak in enumerate(peaks) if peak + error <= limit), high)
        place = min(max(guess, low + 1), high - 1)
        found = arena_bytes(place)
        error = found - peaks[place]
        low, high = (low, place) if found <= limit else (place, high)
    return high if high < len(peaks) else None
