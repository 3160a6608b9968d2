# SPDX-License-Identifier: Apache-2.0
"""Computing a tensor twice: once for its first readers and again for those far behind, so that it isn't kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from sapmcu.ir.cascade import RowForm, RowReads
from sapmcu.plan.rows.problem import Item, Problem, Source
from sapmcu.plan.rows.store import Store

MIN_GAP = 3
"""Works between two readers of a tensor for which it may be computed again."""
MIN_SHARE = 16
"""A tensor of less than one part in so many of the peak isn't worth it."""
MAX_TRIED = 6


def item_macs(item: Item) -> int:
    return sum(form.steps * form.macs for form in item.forms)


def with_copies(
    source: Source, items: Sequence[Item], problem: Problem, peak_bytes: int, extra_macs: int
) -> Iterator[tuple[Item, ...]]:
    """The works with one tensor computed twice; the largest tensors first, and at most so many MACs more."""
    found = []
    for store in problem.stores:
        size = store.rows * store.row_bytes
        readers = sorted({work for row in store.numbers() for work, _ in problem.readers[row]})
        if size * MIN_SHARE >= peak_bytes and problem.first_works[store.first] >= 0:
            found += [(-size, store, late) for early, late in pairwise(readers) if late - early >= MIN_GAP]
    tried = 0
    for _, store, late in sorted(found, key=lambda one: (one[0], one[1].first, one[2])):
        copied = _copied(source, items, store, late)
        is_cheap = copied is not None and sum(map(item_macs, copied)) - sum(map(item_macs, items)) <= extra_macs
        if copied is not None and is_cheap and tried < MAX_TRIED:
            tried += 1
            yield copied


def _copied(source: Source, items: Sequence[Item], store: Store, late: int) -> tuple[Item, ...] | None:
    """All works that lead to a store once more before work `late`, which reads the copy, as those behind it do.

    None where one of them only runs whole, or is a copy itself.
    """
    chain = _chain(source, items, store.name, late)
    if chain is None:
        return None
    names = _Names(source.owners, {name for index in chain for name in _written(source, items[index])})
    if any(name.endswith(SUFFIX) for name in names.copied):
        return None
    copies = [
        replace(items[index], ops=(), lowered=None, forms=tuple(map(names.copy, items[index].forms))) for index in chain
    ]
    reader = _Names(source.owners, {store.name})
    behind = []
    for item in items[late:]:
        if store.name not in _read(source, item):
            behind.append(item)
        elif item.forms:
            behind.append(replace(item, lowered=None, forms=tuple(map(reader.reading_copies, item.forms))))
        else:
            return None
    return (*items[:late], *copies, *behind)


SUFFIX = " again"


def _chain(source: Source, items: Sequence[Item], store: str, end: int) -> list[int] | None:
    """The works before `end` that lead to a store; None where one of them only runs whole."""
    wanted = {store}
    chain: list[int] = []
    for index in range(end - 1, -1, -1):
        if wanted & _written(source, items[index]):
            if not items[index].forms:
                return None
            chain.insert(0, index)
            wanted |= _read(source, items[index])
    return chain


def _written(source: Source, item: Item) -> set[str]:
    names = [form.store for form in item.forms] or source.graph.ops[item.op].outputs
    return {source.owners.get(name, name) for name in names}


def _read(source: Source, item: Item) -> set[str]:
    names = [reads.store for form in item.forms if form.kernel for reads in form.reads]
    if not item.forms:
        names = list(source.graph.ops[item.op].present_inputs)
    return {source.owners.get(name, name) for name in names}


@dataclass(frozen=True, slots=True)
class _Names:
    """copied: stores that there are twice."""

    owners: Mapping[str, str]
    copied: set[str]

    def copy(self, form: RowForm) -> RowForm:
        """The form of the copy. The application delivers rows of an input again."""
        store = self.owners.get(form.store, form.store) + SUFFIX
        if form.kernel:
            return replace(self.reading_copies(form), store=store)
        reads = form.reads or (RowReads(form.store, form.rows, form.row_bytes),)
        return replace(form, store=store, reads=reads)

    def reading_copies(self, form: RowForm) -> RowForm:
        return replace(form, reads=tuple(map(self.copy_of, form.reads)))

    def copy_of(self, reads: RowReads) -> RowReads:
        owner = self.owners.get(reads.store, reads.store)
        return replace(reads, store=owner + SUFFIX) if owner in self.copied else reads
