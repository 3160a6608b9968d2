# SPDX-License-Identifier: Apache-2.0
"""The plot of a grid: test accuracy, or mAP, against peak SRAM, on TFLM and on the native engine."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from sapmcu.errors import ToolError
from sapmcu.report.comparison import Summary, measure_title

FORMATS = ("png", "svg")
MARKERS = "os^DvP*X"
PANELS: Mapping[str, str] = {
    "tflm_sram_bytes": "TFLM (CMSIS-NN)",
    "native_rows_sram_bytes": "native engine, by rows",
    "native_input_rows_sram_bytes": "native engine, input by rows",
}


def plot_comparison(summaries: Sequence[Summary], title: str) -> dict[str, bytes]:
    """Suffix -> file. A colour for each pooling, a marker for each strides and placement; bars: standard deviation.

    The same summaries give the same SVG. Raises: ToolError where matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError:
        raise ToolError("plots need matplotlib, which is not installed", hint="pip install 'sapmcu[plot]'") from None
    with matplotlib.rc_context({"svg.hashsalt": "sapmcu", "svg.fonttype": "none", "font.size": 9}):
        figure = _figure(summaries, title)
        files = {}
        for suffix in FORMATS:
            buffer = io.BytesIO()
            metadata = {"Date": None} if suffix == "svg" else None
            figure.savefig(buffer, format=suffix, dpi=150, metadata=metadata)
            files[suffix] = buffer.getvalue()
    return files


def _figure(summaries: Sequence[Summary], title: str) -> Any:
    """Without pyplot, which would look for a screen."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4.5), layout="constrained")
    figure.suptitle(title)
    axes = figure.subplots(1, len(PANELS), sharey=True)
    poolings = list(dict.fromkeys(one.pooling for one in summaries))
    places = list(dict.fromkeys(_place(one) for one in summaries))
    for panel, (key, name) in zip(axes, PANELS.items(), strict=True):
        for one in summaries:
            if (sram_bytes := getattr(one, key)) is None:
                continue
            accuracy = one.int8_test_accuracy
            panel.errorbar(
                sram_bytes / 1024,
                100 * accuracy.mean,
                yerr=100 * (accuracy.deviation or 0),
                color=_color(poolings.index(one.pooling)),
                marker=MARKERS[places.index(_place(one)) % len(MARKERS)],
                linestyle="none",
                capsize=3,
            )
        if _is_wide([getattr(one, key) for one in summaries]):
            panel.set_xscale("log", base=2)
            panel.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        panel.set_xlabel(f"peak SRAM, KiB: {name}")
        panel.grid(alpha=0.3)
    axes[0].set_ylabel(f"int8 test {measure_title(summaries)}, %")
    _legend(figure, poolings, places)
    return figure


def _is_wide(values: Sequence[int | None]) -> bool:
    """A logarithmic axis over less has no ticks."""
    known = [value for value in values if value is not None]
    return bool(known) and max(known) > 4 * min(known)


def _legend(figure: Any, poolings: Sequence[str], places: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=_color(n), marker="s", linestyle="none", label=one) for n, one in enumerate(poolings)
    ]
    handles += [
        Line2D([], [], color="black", marker=MARKERS[n % len(MARKERS)], linestyle="none", label=one)
        for n, one in enumerate(places)
        if one
    ]
    figure.legend(handles=handles, loc="outside right center", frameon=False)


def _color(number: int) -> Any:
    """Ten strong ones, then their pale ones."""
    import matplotlib

    strong, pale = divmod(number % 20, 10)[::-1]
    return matplotlib.colormaps["tab20"](2 * strong + pale)


def _place(one: Summary) -> str:
    return " ".join(filter(None, (one.strides, one.placement)))
