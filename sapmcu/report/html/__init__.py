# SPDX-License-Identifier: Apache-2.0
"""report.html: one file that needs nothing else, readable in light and dark, on a phone, and printed."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from sapmcu.ir.conversion import Conversion
from sapmcu.ir.memory_map import MemoryMap
from sapmcu.report.html import sections

HERE = Path(__file__).parent


def render_html(result: Conversion, plans: Sequence[MemoryMap]) -> str:
    """The page of a conversion."""
    parts = [
        sections.cards(result),
        sections.warnings(result),
        sections.engines(result.memory),
        sections.pareto(result.memory),
        sections.maps(plans),
        sections.ops(result.memory),
        sections.native_ops(result),
        sections.savings(result.memory),
        sections.board(result),
        sections.boards(result.memory),
        sections.accuracy(result),
        sections.rewrites(result),
        sections.origin(result),
    ]
    title = escape(f"{result.model} on {result.fit.board}")
    style, script = ((HERE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title>",
            f"<style>\n{style}</style></head>",
            f"<body><h1>{title}</h1><p class='faint'>{escape(result.producer)}</p>",
            *filter(None, parts),
            '<div id="tip" role="status" hidden></div>',
            f"<script>\n{script}</script></body></html>",
            "",
        ]
    )
