# SPDX-License-Identifier: Apache-2.0
"""The ops of a project's model with their kernels and prices, beside what a run measured."""

from __future__ import annotations

import hashlib
from pathlib import Path

from sapmcu.build.project import load_project
from sapmcu.errors import UserError
from sapmcu.frontends.tflite import read_tflite
from sapmcu.ir.run import Run, run_place
from sapmcu.ir.speed import OpSpeed
from sapmcu.lower.graph import lower_graph
from sapmcu.pipeline import native_graph
from sapmcu.plan.price import price_ops


def op_speeds(project_dir: Path, run: Run) -> tuple[OpSpeed, ...]:
    """Each op of the run. Raises: UserError where ops weren't told apart, or the firmware is of another model."""
    by_op = run.measurement.instructions_by_op
    if by_op is None:
        raise UserError(
            f"the ops of the {run.identity.engine} engine can't be told apart {run_place(run)}",
            hint="--speed-report needs --engine native and --emulator unicorn",
        )
    path = project_dir / "model.tflite"
    try:
        model = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}", hint="convert again") from error
    graph, *_ = native_graph(read_tflite(model, path.stem, str(path)))
    if hashlib.sha256(model).hexdigest() != run.identity.sha256 or len(by_op) > len(graph.ops):
        raise UserError(f"{path} is not the model of the firmware", hint="convert again")
    if run.identity.op_count not in (0, len(graph.ops)):
        raise UserError(
            f"{path} has other ops than the native engine runs: it was converted for the least SRAM on TFLM",
            hint="--profile has the instructions of each op; --speed-report needs a project of --optimize auto or none",
        )
    project = load_project(project_dir / "firmware")
    steps = lower_graph(graph, twins=project.twins, filters=project.filters).steps
    prices = price_ops(graph, steps, run.identity.core)
    cycles = run.measurement.estimated_cycles_by_op
    return tuple(
        OpSpeed(
            *(price.index, price.type, price.kernels, price.macs),
            instructions=by_op[price.index] if price.index < len(by_op) else 0,
            estimated_cycles=cycles[price.index] if cycles is not None and price.index < len(cycles) else None,
            priced=price.instructions,
        )
        for price in prices
    )
