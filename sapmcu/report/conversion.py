# SPDX-License-Identifier: Apache-2.0
"""The page that `sapmcu convert` prints."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from sapmcu.ir.accuracy import Accuracy, LayerAccuracy
from sapmcu.ir.conversion import Conversion, Interface, NativeArena, Rewrite
from sapmcu.ir.native import Apart
from sapmcu.report.terminal import columns, facts, memory_facts, number, op_table, render

SHOWN_LAYERS = 15


def render_conversion(result: Conversion, *, width: int | None = None) -> str:
    """Interface, accuracy, memory by op, the sums, and what to do next."""
    memory = result.memory
    title = f"{result.model} ({result.producer}): {number(memory.macs)} MACs, {len(memory.ops)} ops"
    parts: list[RenderableType] = [Text(title), Text(), facts(_about(result))]
    if result.accuracy is not None and result.accuracy.layers:
        parts += [Text(), _layer_table(result.accuracy.layers)]
    parts += [Text(), op_table(memory), Text(), memory_facts(memory, result.fit)]
    parts += [facts(_native(result)), Text()]
    parts += [Text(f"warning: {warning}") for warning in result.warnings]
    run = shlex.join(("sapmcu", "run", str(result.out)))
    wrote = f"wrote {len(result.files)} files to {result.out}/; {run} runs its firmware"
    gap = "\n" if result.warnings else "\n\n"
    return f"{render(*parts, width=width)}{gap}{wrote}"  # not wrapped: a command of two lines isn't one


def _native(result: Conversion) -> list[tuple[str, str, str]]:
    native = result.native
    if native is None:
        return []
    best = "best found"
    if native.arena_bytes == native.bound_bytes:
        is_best = native.is_order_best and not native.cascaded_ops
        best = "least of all orders" if is_best else "optimal for this order"
    inside = [f"{one}s" for one in Apart if one not in {what for what, _, _ in native.apart}]
    what = "input by rows" if native.is_by_rows else f"{' and '.join(inside) or 'neither inputs nor outputs'} in it"
    if native.outputs_by_rows:
        what = "input and output by rows" if native.is_by_rows else "output by rows"
    rows = [("native arena", number(native.arena_bytes), f"bytes, {what}; {best}")]
    rows += [(f"  {what}s apart", number(size), f"bytes in {region}") for what, region, size in native.apart]
    if native.cascaded_ops:
        rows.append(
            ("  op after op", number(native.whole_ops_bytes), f"without {_cascades(native, result.memory.macs)}")
        )
    rows += _filters(result)
    if native.file_order_bytes != native.whole_ops_bytes:
        rows.append(("  in file's order", number(native.file_order_bytes), "the ops were put into another"))
    return rows


def _filters(result: Conversion) -> list[tuple[str, str, str]]:
    """Which forms were chosen for speed, and what they cost."""
    larger = [one for one in result.native_ops if one.smaller_flash_bytes is not None]
    if not larger:
        return []
    flash = sum(one.flash_bytes - (one.smaller_flash_bytes or 0) for one in larger)
    forms = (f"{count} ops {form}" for form, count in sorted(Counter(str(one.filters) for one in larger).items()))
    saved = sum((one.smaller_instructions or 0) - (one.instructions or 0) for one in larger)
    what = f"bytes of flash for filters of {', '.join(forms)}; {number(saved)} instructions less, priced"
    return [("  for speed", number(flash), what)]


def _cascades(native: NativeArena, macs: int) -> str:
    ops, count = sum(map(len, native.cascaded_ops)), len(native.cascaded_ops)
    extra = f", at {native.extra_macs / macs:.1%} more MACs" if native.extra_macs else ""
    return f"running {ops} ops by rows, in {count} cascade{'s' if count > 1 else ''}{extra}"


def _about(result: Conversion) -> list[tuple[str, str, str]]:
    rows = [("input", _shape(one), _described(one)) for one in result.inputs]
    rows += [("output", _shape(one), _described(one)) for one in result.outputs]
    if result.samples is not None:
        rows.append(("ranges from", "GUESSED" if result.is_guessed else "samples", result.samples))
    rows += [_rewrite(one) for one in result.rewrites if not one.is_identity]
    if result.accuracy is not None:
        rows += _accuracy(result.accuracy)
    rows.append(
        (
            "outputs equal",
            f"{result.check.vectors} of {result.check.vectors}",
            "in every byte: " + ", ".join(result.check.engines),
        )
    )
    return rows


SAVED: Mapping[str, str] = {
    "ops": "ops",
    "filters": "filters",
    "macs": "MACs",
    "constant_bytes": "bytes of constants",
    "live_bytes": "bytes at the peak",
    "tensors": "tensors",
}
"""Fields of GraphSize, and what they count."""


def _rewrite(one: Rewrite) -> tuple[str, str, str]:
    """The pass and what it changed."""
    first, *rest = _saved(one) or ["mended"]
    return f"{one.engine or 'rewrite'} {one.name}", first, ", ".join(rest)


def _saved(one: Rewrite) -> list[str]:
    """What became less or more, for instance "−2 ops"."""
    pairs = [(getattr(one.after, field) - getattr(one.before, field), unit) for field, unit in SAVED.items()]
    return [f"{'+' if change > 0 else '−'}{number(abs(change))} {unit}" for change, unit in pairs if change]


def _shape(one: Interface) -> str:
    return f"{one.dtype} {'×'.join(map(str, one.shape))}"


def _described(one: Interface) -> str:
    name = one.name
    if one.file_axes is not None:
        name += f"; the file's axes {', '.join(map(str, one.file_axes))}: the application transposes"
    if one.scale is None:
        return name
    return f"real = {one.scale:.6g} · (q − {one.zero_point}); {name}".replace("− -", "+ ")


def _accuracy(accuracy: Accuracy) -> list[tuple[str, str, str]]:
    rows = [
        ("int8 against float", f"{one.sqnr_db:.1f} dB", f"SQNR of {one.name}; largest error {one.largest_error:.4g}")
        for one in accuracy.outputs
    ]
    if accuracy.argmax_agreement is not None:
        rows.append(("same class", f"{accuracy.argmax_agreement:.1%}", f"of {number(accuracy.samples)} samples"))
    if accuracy.float_accuracy is not None and accuracy.int8_accuracy is not None:
        rows.append(
            ("right class", f"{accuracy.int8_accuracy:.1%}", f"int8; float {accuracy.float_accuracy:.1%}, same samples")
        )
    return rows


def _layer_table(layers: tuple[LayerAccuracy, ...]) -> Table:
    """The noisiest layers first."""
    rows = [(str(layer.op), layer.type, layer.layer, f"{layer.sqnr_db:.1f}") for layer in layers[:SHOWN_LAYERS]]
    if len(layers) > SHOWN_LAYERS:
        rows.append(("", "", f"and {len(layers) - SHOWN_LAYERS} more, in report.json", ""))
    return columns(("op", "type", "layer", "SQNR dB"), rows, right=(0, 3), flexible=2)
