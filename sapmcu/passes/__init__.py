# SPDX-License-Identifier: Apache-2.0
"""The rewrites that convert runs, in order. Each is a function Graph -> Graph in a file of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sapmcu.ir.graph import Graph
from sapmcu.passes.orphans import drop_orphans
from sapmcu.passes.relu6 import fold_relu6


@dataclass(frozen=True, slots=True)
class Pass:
    """mends: what it rewrites is computed wrong by TFLM; any other pass keeps every byte of the outputs."""

    name: str
    run: Callable[[Graph], Graph]
    mends: bool = False


PASSES = (
    Pass("drop-orphans", drop_orphans),
    Pass("fold-relu6", fold_relu6, mends=True),
)
