# SPDX-License-Identifier: Apache-2.0
"""What `sapmcu flash` says."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sapmcu.flash.flash import Flashed


def render_flash(done: Flashed) -> str:
    """The commands alone where nothing was run, so that a shell can take them."""
    if done.is_dry:
        return "\n".join(done.commands)
    how = "read back and equal in every byte" if done.is_verified else "taken whole by the board, which has started"
    return f"flashed {done.board} by {done.method}: {done.size_bytes:,} bytes, {how}"


def flash_json(done: Flashed) -> dict[str, Any]:
    return {**asdict(done), "elf": str(done.elf), "commands": list(done.commands)}
