# SPDX-License-Identifier: Apache-2.0
"""The rewrites that convert runs, in order. Each is a function Graph -> Graph in a file of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sapmcu.ir.graph import Graph
from sapmcu.passes.constant_channels import zero_constant_channels
from sapmcu.passes.constants import fold_constants
from sapmcu.passes.dead_channels import drop_all_dead_channels, drop_dead_channels
from sapmcu.passes.flattening import fold_transposed_flattening
from sapmcu.passes.moves import fold_moves
from sapmcu.passes.orphans import drop_orphans
from sapmcu.passes.pads import fold_pads, fold_same_pads
from sapmcu.passes.relu6 import fold_relu6
from sapmcu.passes.zero_taps import trim_filters


@dataclass(frozen=True, slots=True)
class Pass:
    """mends: what it rewrites is computed wrong by TFLM; any other pass keeps every byte of the outputs.

    fits_plans: it may run on a graph that comes with a plan of TFLM's arena, which the other passes would break.
    """

    name: str
    run: Callable[[Graph], Graph]
    mends: bool = False
    fits_plans: bool = False


PASSES = (
    Pass("drop-orphans", drop_orphans, fits_plans=True),
    Pass("fold-relu6", fold_relu6, mends=True, fits_plans=True),
    Pass("fold-constants", fold_constants),
    Pass("fold-moves", fold_moves),
    Pass("fold-flattening", fold_transposed_flattening),
    Pass("fold-same-pads", fold_same_pads),
    Pass("drop-dead-channels", drop_dead_channels),
)
"""What model.tflite holds has run through these."""

SRAM_PASSES = tuple(
    replace(one, run=drop_all_dead_channels) if one.run is drop_dead_channels else one for one in PASSES
)
"""The same where the least SRAM counts for more than time, and for kernels that take any number of channels."""

NATIVE_PASSES = (
    Pass("fold-pads", fold_pads, fits_plans=True),
    Pass("trim-filters", trim_filters, fits_plans=True),
    Pass("zero-constant-channels", zero_constant_channels, fits_plans=True),
)
"""The native engine's graph is that of model.tflite after these, too: TFLM can't run what they make."""
