# SPDX-License-Identifier: Apache-2.0
"""Remove channels of a Keras model, as many as a goal asks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sapmcu.errors import UserError
from sapmcu.ir.pruning import ArenaPlan, Criterion, ModelSize, Pruning, PruningGoal, Width, check_goal
from sapmcu.isolated import Progress, silent
from sapmcu.train.prune.graph import ChannelGraph, channel_graph
from sapmcu.train.prune.measure import measure
from sapmcu.train.prune.memory import LiveTensors
from sapmcu.train.prune.rank import LEAST_SHARE, Block, Ranking, Widths, least_width, rank, remove_share
from sapmcu.train.prune.rebuild import rebuild
from sapmcu.train.prune.rows import LiveRows
from sapmcu.train.prune.search import first_fitting, peak_path


def prune(
    model: Any,
    ratio: float | None = None,
    *,
    sram_bytes: int | None = None,
    criterion: str = "bn",
    multiple: int = 4,
    keep: Sequence[str] = (),
    plan: str = "rows",
    progress: Progress = silent,
) -> Any:
    """A smaller Keras model with the weights of the channels that stay; the model itself is left as it is.

    Give ratio (the share of channels to remove) or sram_bytes (what the native engine's arena may be, planned by rows,
    or with plan="whole" op after op); the other arguments are those of PruningGoal.

    Raises: UserError where the goal makes no sense or can't be reached, or the model can't be rewritten.
    """
    for what, name, names in (("criterion", criterion, tuple(Criterion)), ("plan", plan, tuple(ArenaPlan))):
        if name not in names:
            raise UserError(f"there is no {what} {name!r}", hint=f"choose one of {', '.join(names)}")
    goal = PruningGoal(ratio, sram_bytes, Criterion(criterion), multiple, tuple(keep), ArenaPlan(plan))
    return prune_to(model, goal, progress=progress, is_measured=False)[0]


def prune_to(
    model: Any, goal: PruningGoal, *, name: str | None = None, progress: Progress = silent, is_measured: bool = True
) -> tuple[Any, Pruning]:
    """The smaller model, and what was done.

    name: what errors and the report call the model. is_measured: find the int8 sizes for the report; takes seconds.
    """
    check_goal(goal)
    graph = channel_graph(model, goal.keep, name)
    ranking = rank(graph, goal.criterion)
    widths = Widths(graph.groups, ranking, goal.multiple)
    if goal.ratio is not None:
        before, reason = _size(model, is_measured, progress)
        removed = _by_ratio(graph, widths, goal.ratio)
        smaller = rebuild(graph, graph.kept(_channels(removed)))
        after, _ = _size(smaller, is_measured, progress) if removed else (before, "")
    else:
        before, reason = _size(model, True, progress)
        removed, smaller, after = _by_sram(graph, widths, goal, (before, reason), progress)
    return smaller, Pruning(
        model=graph.network.name,
        goal=goal,
        widths=_widths(graph, ranking, removed),
        whole=tuple(graph.whole.items()),
        before=before,
        after=after,
        warnings=(*_warnings(graph, goal, removed, reason), *_fitting(goal, before, removed)),
    )


def _size(model: Any, is_measured: bool, progress: Progress) -> tuple[ModelSize, str]:
    if not is_measured:
        return ModelSize(int(model.count_params()), None, None, None), ""
    progress(f"quantizing a model of {model.count_params():,} parameters to find its size")
    return measure(model)


def _by_ratio(graph: ChannelGraph, widths: Widths, ratio: float) -> list[Block]:
    if ratio > 0:
        _check_removable(graph, widths)
    return remove_share(widths, ratio)


def _by_sram(
    graph: ChannelGraph, widths: Widths, goal: PruningGoal, before: tuple[ModelSize, str], progress: Progress
) -> tuple[list[Block], Any, ModelSize]:
    """(what goes, the smaller model, its size)."""
    size, reason = before
    limit, present = goal.sram_bytes, size.sram_bytes(goal.plan)
    assert limit is not None
    if present is None:
        raise UserError(f"the SRAM of {graph.network.name} can't be found: {reason}", hint="give --ratio instead")
    if present <= limit:
        return [], rebuild(graph, graph.kept(())), size
    _check_removable(graph, widths)
    live = LiveRows(graph) if goal.plan is ArenaPlan.ROWS else LiveTensors(graph)
    path, peaks = peak_path(graph, live, widths)

    @cache
    def made(place: int) -> tuple[Any, ModelSize]:
        smaller = rebuild(graph, graph.kept(_channels(path[:place])))
        return smaller, _size(smaller, True, progress)[0] if place else size

    def arena_bytes(place: int) -> int:
        found = made(place)[1].sram_bytes(goal.plan)
        if found is None:
            raise UserError(f"the SRAM of a pruned {graph.network.name} can't be found", hint="give --ratio instead")
        return found

    place = first_fitting(peaks, arena_bytes, limit)
    if place is None:
        least = arena_bytes(len(path))
        raise UserError(
            f"{graph.network.name} can't be pruned to {limit:,} bytes of SRAM; the least reachable is {least:,}",
            hint=f"--sram {least}; or shrink the images, or pool earlier",
            details=[*_peak_text(graph, live, path), *(f"{name}: {why}" for name, why in graph.whole.items())],
        )
    return path[:place], *made(place)


def _peak_text(graph: ChannelGraph, live: LiveTensors | LiveRows, path: Sequence[Block]) -> Iterable[str]:
    """What lives at the peak of whole ops; by rows it is spread over many tensors."""
    if isinstance(live, LiveTensors):
        is_kept = graph.kept(_channels(path))
        call = int(live.live_bytes(is_kept).argmax())
        sizes = live.sizes(is_kept)[live.is_live[call]]
        yield f"peak at layer {graph.network.calls[call].name}: {' + '.join(f'{size:,}' for size in sizes)}"


def _check_removable(graph: ChannelGraph, widths: Widths) -> None:
    if not any(widths.weakest(group) for group in range(len(graph.groups))):
        raise UserError(
            f"no channel of {graph.network.name} can be removed",
            hint="inputs, outputs and layers that mix channels keep theirs; --multiple 1 allows any width",
            details=[f"{name}: {reason}" for name, reason in graph.whole.items()],
        )


def _channels(blocks: Iterable[Block]) -> list[int]:
    return [root for block in blocks for root in block]


def _widths(graph: ChannelGraph, ranking: Ranking, removed: Sequence[Block]) -> tuple[Width, ...]:
    is_kept = graph.kept(_channels(removed))
    return tuple(
        Width(group.layers, criterion, len(group.channels), int(is_kept[list(group.channels)].sum()))
        for group, criterion in zip(graph.groups, ranking.criteria, strict=True)
    )


def _warnings(graph: ChannelGraph, goal: PruningGoal, removed: Sequence[Block], reason: str) -> Iterable[str]:
    count = len(_channels(removed))
    if goal.ratio:
        least = sum(least_width(len(group.channels), goal.multiple) for group in graph.groups)
        most = graph.channels - least
        if count == most < goal.ratio * graph.channels:
            yield (
                f"{count:,} of {graph.channels:,} channels are all that can go: each group keeps a multiple of "
                f"{goal.multiple}, and at least {LEAST_SHARE:.1%} of its channels"
            )
        elif not count:
            yield f"nothing was removed: the ratio asks for less than half of {goal.multiple} channels; see --multiple"
    if reason:
        yield f"the size as int8 is unknown: {reason}"


def _fitting(goal: PruningGoal, before: ModelSize, removed: Sequence[Block]) -> Iterable[str]:
    if goal.sram_bytes is not None and not removed:
        how = "sapmcu convert --optimize sram plans it so" if goal.plan is ArenaPlan.ROWS else "op after op"
        yield f"nothing was removed: the model needs {before.sram_bytes(goal.plan):,} bytes as it is ({how})"
