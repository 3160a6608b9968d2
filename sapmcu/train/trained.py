# SPDX-License-Identifier: Apache-2.0
"""The network that a training wrote, as convert reads it."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from sapmcu.frontends.source import load_source
from sapmcu.ir.source import Source


def load_trained(path: Path) -> Source:
    """A model.keras as a float .tflite. Its card and its measurement both ask, so that the last one is kept.

    Raises: UserError, ToolError.
    """
    return _load(path, hashlib.sha256(path.read_bytes()).digest() if path.is_file() else b"")


@lru_cache(maxsize=1)
def _load(path: Path, _sha256: bytes) -> Source:
    return load_source(path)
