# SPDX-License-Identifier: Apache-2.0
"""What `sapmcu prune` has done to a model."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sapmcu.errors import UserError
from sapmcu.ir.measure import ACCURACY


class Criterion(StrEnum):
    """By what a channel is judged: the scale of its batch norms, or the L1 norm of its filters."""

    BN = "bn"
    L1 = "l1"


class ArenaPlan(StrEnum):
    """Which arena of the native engine has a limit: by rows (at the same MACs), or of whole ops one after the other."""

    ROWS = "rows"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class PruningGoal:
    """Of ratio and sram_bytes one is None. ratio: share of the channels that can go, 0 to below 1. sram_bytes: of the
    native engine's arena as it is planned for `plan`. multiple: of which the widths of the groups stay. keep: layers
    whose channels stay.
    """

    ratio: float | None = None
    sram_bytes: int | None = None
    criterion: Criterion = Criterion.BN
    multiple: int = 4
    keep: tuple[str, ...] = ()
    plan: ArenaPlan = ArenaPlan.ROWS


def check_goal(goal: PruningGoal) -> None:
    """Raises: UserError where it makes no sense."""
    if (goal.ratio is None) == (goal.sram_bytes is None):
        raise UserError("pruning needs a ratio or an SRAM limit, and not both", hint="give --ratio or --sram")
    if goal.ratio is not None and not 0 <= goal.ratio < 1:
        raise UserError(
            f"the ratio {goal.ratio:g} is not in the range 0 to below 1",
            hint="it is the share of channels to remove: 0.3 removes 30 %",
        )
    if goal.sram_bytes is not None and goal.sram_bytes < 1:
        raise UserError(
            f"an SRAM limit of {goal.sram_bytes} bytes holds nothing", hint="give it in bytes: --sram 65536"
        )
    if goal.multiple < 1:
        raise UserError(f"the multiple {goal.multiple} is below 1", hint="--multiple 1 allows any width")


@dataclass(frozen=True, slots=True)
class PruneOptions:
    """The options of `sapmcu prune`. out: the .keras or .h5 file to write; force: although it exists.

    recipe: by which the smaller model is trained further; threads: as `sapmcu train` has them.
    """

    model: Path
    out: Path
    goal: PruningGoal
    force: bool = False
    recipe: Path | None = None
    threads: int = 0


@dataclass(frozen=True, slots=True)
class Width:
    """A group of channels that the same layers make. criterion: what judged them."""

    layers: tuple[str, ...]
    criterion: Criterion
    channels_before: int
    channels_after: int


@dataclass(frozen=True, slots=True)
class ModelSize:
    """macs and arenas are those of the int8 model; None where it can't be quantized, or the native engine lacks an op.
    arena_bytes: of the native engine op after op, input and output included, without stack; rows_arena_bytes: by rows.
    """

    parameters: int
    macs: int | None
    arena_bytes: int | None
    rows_arena_bytes: int | None

    def sram_bytes(self, plan: ArenaPlan) -> int | None:
        return self.rows_arena_bytes if plan is ArenaPlan.ROWS else self.arena_bytes


@dataclass(frozen=True, slots=True)
class FineTuning:
    """How a smaller model was trained further. Shares of the validation pictures that are classified right, or what
    else `measure` says (sapmcu.ir.measure): by the whole model, the pruned one, and the one that was trained for some
    epochs then (its best epoch's).
    """

    recipe: str
    epochs: int
    whole_accuracy: float
    pruned_accuracy: float
    tuned_accuracy: float
    measure: str = ACCURACY


@dataclass(frozen=True, slots=True)
class Pruning:
    """whole: (layer, why it holds on to its channels). out: the file that was written, None where none was."""

    model: str
    goal: PruningGoal
    widths: tuple[Width, ...]
    whole: tuple[tuple[str, str], ...]
    before: ModelSize
    after: ModelSize
    warnings: tuple[str, ...]
    tuning: FineTuning | None = None
    out: Path | None = None

    @property
    def channels_before(self) -> int:
        return sum(width.channels_before for width in self.widths)

    @property
    def channels_after(self) -> int:
        return sum(width.channels_after for width in self.widths)
