# SPDX-License-Identifier: Apache-2.0
"""From a trained network to a tested Cortex-M firmware, in the least SRAM."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sapmcu.ir.conversion import Conversion

__version__ = "0.1.0"


def convert(model: str | Path, board: str, **options: Any) -> Conversion:
    """What `sapmcu convert MODEL --board BOARD` does, from Python; options as in sapmcu.pipeline.ConvertOptions.

    Raises: sapmcu.errors.UserError, ToolError.
    """
    from sapmcu import pipeline

    for name in ("out", "dump_ir"):
        if options.get(name) is not None:
            options[name] = Path(options[name])
    return pipeline.convert(pipeline.ConvertOptions(Path(model), board, **options), progress=lambda text: None)
