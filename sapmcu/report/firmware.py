# SPDX-License-Identifier: Apache-2.0
"""The pages of `sapmcu build`, `run` and `test`, and their JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import repeat
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from sapmcu.ir.build import Build
from sapmcu.ir.run import Measurement, Run, TestRun, latency_us, run_place
from sapmcu.ir.speed import OpSpeed, short_kernels
from sapmcu.report.junit import describe_difference
from sapmcu.report.terminal import columns, facts, number, render

SHOWN_FUNCTIONS = 12
SHOWN_SYMBOLS = 8


def render_build(build: Build, *, width: int | None = None) -> str:
    """What the firmware takes of flash and SRAM, and the files."""
    sizes = build.sizes
    rows = [
        ("flash", number(sizes.flash_bytes), f"code {number(sizes.code_bytes)}, model {number(sizes.model_bytes)}, "
         f"data {number(sizes.data_bytes)}"),
        ("SRAM", number(sizes.sram_bytes), f"arena {number(sizes.arena_bytes)}, stack {number(sizes.stack_bytes)} "
         f"reserved, data {number(sizes.data_bytes + sizes.bss_bytes)}"),
        ("worst stack", "unknown" if build.worst_stack_bytes is None else number(build.worst_stack_bytes),
         "of one inference, by the graph of calls; interrupts come on top"),
    ]  # fmt: skip
    largest = sorted(sizes.symbols, key=lambda one: (-one.size_bytes, one.name))
    code = [one for one in largest if one.is_function][:SHOWN_SYMBOLS]
    table = columns(("function", "bytes"), [(one.name, number(one.size_bytes)) for one in code], right=(1,))
    title = f"{build.engine} engine, {build.toolchain}, --prefer {build.prefer}, target {build.target}"
    return render(Text(title), Text(), facts(rows), Text(), table, Text(), Text(f"wrote {build.elf}"), width=width)


def render_run(run: Run, *, profile: bool = False, width: int | None = None) -> str:
    """One inference: equal or not, instructions, memory."""
    measurement, of_board = run.measurement, run.emulator is None
    equal = {True: "yes", False: "NO", None: "-"}[run.outputs_equal]
    place = f"one inference on {run.identity.core} {run_place(run)}"
    rows = [
        ("outputs equal", equal, "to those that TFLM gives" if run.outputs_equal is not None else "nothing to compare"),
        *(_time_rows(run, place) if of_board else [("instructions", _counted(measurement.instructions), place)]),
        *_cycles(measurement),
        *_size_row("code", run.code_bytes, "bytes, without the model"),
        *_size_row("model", run.model_bytes, "bytes of constants"),
        ("arena", number(run.arena_bytes), "bytes, input and output included"),
        ("stack", number(run.stack_bytes), "bytes at the most, below the call"),
        *_size_row("static", run.static_bytes, "bytes of data beside the arena"),
    ]
    parts: list[RenderableType] = [Text(f"{run.identity.model}: {run.identity.engine} engine"), Text(), facts(rows)]
    if profile and measurement.profile:
        parts += [Text(), *_by_op(measurement), _by_function(measurement)]
    return render(*parts, width=width)


def _cycles(measurement: Measurement) -> list[tuple[str, str, str]]:
    """Nothing where no timings of the core are known."""
    if measurement.estimated_cycles is None:
        return []
    return [("cycles", f"~{number(measurement.estimated_cycles)}", f"estimated: {measurement.timing}")]


def _by_op(measurement: Measurement) -> list[RenderableType]:
    """What each op takes; nothing where that isn't known."""
    if measurement.instructions_by_op is None:
        return []
    rows = [
        (str(index), number(instructions), *_estimate(cycles))
        for index, (instructions, cycles) in enumerate(
            zip(
                measurement.instructions_by_op,
                measurement.estimated_cycles_by_op or repeat(None),
                strict=False,
            )
        )
    ]
    return [columns(_headings(measurement, "op", "instructions"), rows, right=(0, 1, 2)), Text()]


def _by_function(measurement: Measurement) -> RenderableType:
    rows = [
        (one.name, number(one.instructions), *_estimate(one.estimated_cycles), number(one.calls))
        for one in measurement.profile[:SHOWN_FUNCTIONS]
    ]
    return columns((*_headings(measurement, "function", "instructions"), "calls"), rows, right=(1, 2, 3))


def _headings(measurement: Measurement, *names: str) -> tuple[str, ...]:
    return names if measurement.estimated_cycles is None else (*names, "cycles, est.")


def _estimate(cycles: int | None) -> tuple[str, ...]:
    """A cell, where there is a column for it."""
    return () if cycles is None else (number(cycles),)


def _size_row(name: str, size_bytes: int | None, what: str) -> list[tuple[str, str, str]]:
    return [] if size_bytes is None else [(name, number(size_bytes), what)]


def _counted(count: int | None) -> str:
    return "not counted" if count is None else number(count)


def _time_rows(run: Run, place: str) -> list[tuple[str, str, str]]:
    """Of a board."""
    rows = [("cycles", _counted(run.measurement.cycles), place)]
    if run.latency_us is not None and run.clock_hz is not None:
        rows.append(("latency", f"{run.latency_us:,.0f}", f"µs at {run.clock_hz / 1e6:g} MHz"))
    return rows


def render_speeds(speeds: Sequence[OpSpeed], *, width: int | None = None) -> str:
    """Each op's kernel, what it took and what its price says."""
    rows = [
        (
            *(
                str(one.index),
                one.type,
                short_kernels(one.kernels),
                number(one.instructions),
                *_estimate(one.estimated_cycles),
            ),
            *("" if one.instructions_per_mac is None else f"{one.instructions_per_mac:.2f}", _price(one)),
        )
        for one in speeds
    ]
    has_cycles = all(one.estimated_cycles is not None for one in speeds)
    headings = ["op", "type", "kernel", "instructions", *(["cycles, est."] if has_cycles else []), "a MAC", "price"]
    table = columns(headings, rows, right=(0, *range(3, len(headings))), flexible=2)
    priced = [one for one in speeds if one.priced is not None]
    total, price = sum(one.instructions for one in priced), sum(one.priced or 0 for one in priced)
    text = f"{len(priced)} ops with a price: {number(total)} instructions, {number(price)} by their prices"
    text += f", {price / total - 1:+.1%}" if total else ""
    return render(table, Text(), Text(text), Text("a price is that of the op by itself, op after op"), width=width)


def _price(one: OpSpeed) -> str:
    return "" if one.error is None else f"{one.error:+.1%}"


def render_test(run: TestRun, *, width: int | None = None) -> str:
    """How many vectors are equal, and the first difference."""
    equal = sum(one.difference is None for one in run.results)
    place = f"{run.identity.model} on {run.identity.core} {run_place(run)}"
    lines = [Text(f"{place}: {equal} of {len(run.results)} vectors equal in every byte"), *_most_cycles(run)]
    if run.first_difference is not None:
        lines.append(Text(describe_difference(run.first_difference)))
    return render(*lines, width=width)


def _most_cycles(run: TestRun) -> list[Text]:
    """The slowest vector, where cycles were counted."""
    most = max((one.cycles for one in run.results if one.cycles is not None), default=None)
    if most is None:
        return []
    slowest = latency_us(most, run.clock_hz)
    time = "" if slowest is None or run.clock_hz is None else f", {slowest:,.0f} µs at {run.clock_hz / 1e6:g} MHz"
    return [Text(f"at the most {number(most)} cycles{time}")]


def build_json(build: Build) -> dict[str, Any]:
    sizes = build.sizes
    return {
        "engine": build.engine.value,
        "toolchain": build.toolchain,
        "prefer": build.prefer.value,
        "target": build.target,
        "elf": str(build.elf),
        "code_bytes": sizes.code_bytes,
        "model_bytes": sizes.model_bytes,
        "data_bytes": sizes.data_bytes,
        "bss_bytes": sizes.bss_bytes,
        "arena_bytes": sizes.arena_bytes,
        "stack_bytes": sizes.stack_bytes,
        "sections": [asdict(one) for one in sizes.sections],
        "symbols": [asdict(one) for one in sizes.symbols],
        "frames": [asdict(one) for one in build.frames],
        "worst_stack_bytes": build.worst_stack_bytes,
    }


def run_json(run: Run, speeds: Sequence[OpSpeed] = ()) -> dict[str, Any]:
    """What `sapmcu run --json` prints. speeds: where they were asked for."""
    measurement = run.measurement
    by_op, cycles_by_op = measurement.instructions_by_op, measurement.estimated_cycles_by_op
    return {
        "emulator": run.emulator,
        "core": run.identity.core,
        "engine": run.identity.engine,
        "model": run.identity.model,
        "outputs_equal": run.outputs_equal,
        "outputs": [[list(output) for output in one] for one in run.outputs],
        "port": run.port,
        "clock_hz": run.clock_hz,
        "cycles": measurement.cycles,
        "latency_us": run.latency_us,
        "instructions": measurement.instructions,
        "estimated_cycles": measurement.estimated_cycles,
        "timing": measurement.timing,
        "instructions_by_op": None if by_op is None else list(by_op),
        "estimated_cycles_by_op": None if cycles_by_op is None else list(cycles_by_op),
        "profile": [asdict(one) for one in measurement.profile],
        "ops": [_speed_json(one) for one in speeds],
        "code_bytes": run.code_bytes,
        "model_bytes": run.model_bytes,
        "arena_bytes": run.arena_bytes,
        "stack_bytes": run.stack_bytes,
        "static_bytes": run.static_bytes,
    }


def _speed_json(one: OpSpeed) -> dict[str, Any]:
    return {**asdict(one), "instructions_per_mac": one.instructions_per_mac}


def test_json(run: TestRun) -> dict[str, Any]:
    """What `sapmcu test --json` prints."""
    return {
        "emulator": run.emulator,
        "core": run.identity.core,
        "engine": run.identity.engine,
        "model": run.identity.model,
        "port": run.port,
        "clock_hz": run.clock_hz,
        "cycles": [one.cycles for one in run.results],
        "vectors": len(run.results),
        "differences": [asdict(one.difference) for one in run.results if one.difference is not None],
    }
