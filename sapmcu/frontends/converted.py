# SPDX-License-Identifier: Apache-2.0
"""What the converters of this package hand back to source.py; runs in the process of isolated.py."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from sapmcu.errors import ToolError


@dataclass(frozen=True, slots=True)
class Converted:
    """tflite: float32, batch 1. channels_moved: ranks of the inputs whose channels the converter moved from axis 1."""

    tflite: bytes
    producer: str
    layers: tuple[str, ...] = ()
    channels_moved: tuple[int, ...] = ()


def import_extra(module: str, extra: str) -> Any:
    """Import what an extra of sapmcu brings.

    Raises: ToolError with the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        is_missing = isinstance(error, ModuleNotFoundError) and error.name == module.split(".")[0]
        raise ToolError(
            f"this kind of model needs {module}, which {'is not installed' if is_missing else 'does not load'}",
            hint=f"pip install 'sapmcu[{extra}]'",
            output="" if is_missing else str(error),
        ) from None


def last_words(error: BaseException) -> str:
    """The lines of a library's exception that say something."""
    lines = [line.strip() for line in str(error).splitlines()]
    return "\n".join(line for line in lines if line)[:2000]
