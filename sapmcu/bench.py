# SPDX-License-Identifier: Apache-2.0
"""`sapmcu bench`: each model on each board, by engine and plan, converted, built and run once."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sapmcu import __version__
from sapmcu.boards.board import Board, load_board
from sapmcu.build.project import load_project
from sapmcu.build.tflm import load_tflm
from sapmcu.emit.directory import write_directory
from sapmcu.emit.origin import Origin
from sapmcu.emit.project import emit_project
from sapmcu.emulation import build_project, default_emulator, run_project
from sapmcu.errors import ToolError, UserError
from sapmcu.frontends.tflite import read_tflite
from sapmcu.ir.bench import Bench, BenchPlan, BenchRow
from sapmcu.ir.build import Engine, Prefer
from sapmcu.ir.memory import Kernels
from sapmcu.ir.run import Run
from sapmcu.ir.twins import Twins
from sapmcu.ir.vectors import Vector
from sapmcu.pipeline import ConvertOptions, convert
from sapmcu.plan.tflm import predict_arena, target_for
from sapmcu.run import tflm_host
from sapmcu.run.session import run_vectors
from sapmcu.run.vectors import make_inputs
from sapmcu.tflm_baseline import baseline_row

Progress = Callable[[str], None]
MEASURED = "measured"
PLANS: Mapping[BenchPlan, Mapping[str, Any]] = {
    BenchPlan.WHOLE: {"optimize": "none"},
    BenchPlan.ROWS: {"optimize": "sram"},
    BenchPlan.INPUT_ROWS: {"optimize": "sram", "input_rows": True},
}
"""The options of `sapmcu convert` that make each plan."""
PREFERS: Mapping[BenchPlan, Sequence[str | None]] = {
    BenchPlan.WHOLE: (None, Prefer.SPEED),
    BenchPlan.ROWS: (None, Prefer.SPEED),
    BenchPlan.INPUT_ROWS: (None,),
}
"""Values of convert's --prefer; None: without, the only one for cores where kernels are the same."""


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """The options of `sapmcu bench`. tflm: the user's library; without it, or where it is for another core, a stored
    baseline stands for it. plans: those of the native engine."""

    models: tuple[Path, ...]
    boards: tuple[str, ...]
    tflm: Path | None = None
    toolchain: str | None = None
    plans: tuple[BenchPlan, ...] = tuple(BenchPlan)


def bench(options: BenchOptions, progress: Progress) -> Bench:
    """All rows, each model on each board; what can't be run is left out and told. Raises: UserError, ToolError."""
    boards = [load_board(name) for name in options.boards]
    rows: list[BenchRow] = []
    timings: dict[str, str] = {}
    notes: list[str] = []
    for path in options.models:
        for board in boards:
            with tempfile.TemporaryDirectory() as directory:
                one = _OneBoard(path, board, options, Path(directory), progress)
                rows += one.rows(notes)
            if one.timing is not None:
                timings[board.core] = one.timing
    return Bench(tuple(rows), tuple(timings.items()), tuple(notes))


class _OneBoard:
    """A model on a board. timing: what its cycles are estimated by, known after `rows`."""

    def __init__(self, path: Path, board: Board, options: BenchOptions, directory: Path, progress: Progress) -> None:
        self._path, self._board, self._options = path, board, options
        self._directory, self._progress = directory, progress
        self.timing: str | None = None

    def rows(self, notes: list[str]) -> list[BenchRow]:
        """TFLM's first; `notes` gets what is missing and why."""
        rows: list[BenchRow] = []
        for plan in self._options.plans:
            for prefer in PREFERS[plan] if self._board.twins is Twins.DSP else (None,):
                place = ", ".join(filter(None, (f"{self._path.stem} on {self._board.name}", plan, prefer)))
                self._progress(place)
                try:
                    rows.append(self._native(plan, prefer))
                except ToolError:
                    raise
                except UserError as error:
                    notes.append(f"{place}: {error.message}")
        tflm = self._tflm(notes)
        return [*([] if tflm is None else [tflm]), *rows]

    def _native(self, plan: BenchPlan, prefer: str | None) -> BenchRow:
        """Raises: UserError where the native engine or the board can't run it so."""
        out = self._directory / f"{plan.name}-{prefer}"
        chosen: dict[str, Any] = {**PLANS[plan], **({} if prefer is None else {"prefer": prefer})}
        made = convert(ConvertOptions(self._int8(), self._board.name, out=out, **chosen), lambda _: None)
        if Engine.NATIVE not in made.engines:
            raise UserError("the native engine has no firmware for it")
        run = run_project(out, toolchain=self._options.toolchain)
        self.timing = run.measurement.timing or self.timing
        return self._row(run, plan, prefer)

    def _int8(self) -> Path:
        """The model itself, or the int8 file that convert makes of it, once."""
        if self._path.suffix == ".tflite":
            return self._path
        made = self._directory / "int8"
        if not made.exists():
            convert(ConvertOptions(self._path, self._board.name, out=made, optimize="none"), lambda _: None)
        return made / "model.tflite"

    def _row(self, run: Run, plan: str, prefer: str | None) -> BenchRow:
        return BenchRow(
            model=self._path.stem,
            board=self._board.name,
            core=self._board.core,
            engine=Engine(run.identity.engine),
            plan=plan,
            prefer=prefer,
            instructions=run.measurement.instructions,
            estimated_cycles=run.measurement.estimated_cycles,
            arena_bytes=run.arena_bytes,
            stack_bytes=run.stack_bytes,
            static_bytes=run.static_bytes,
            code_bytes=run.code_bytes,
            model_bytes=run.model_bytes,
            origin=MEASURED,
        )

    def _tflm(self, notes: list[str]) -> BenchRow | None:
        """Measured with the user's library, else what is stored of this very file; None where nothing is."""
        model = self._int8().read_bytes()
        if self._options.tflm is not None:
            try:
                return self._measured_tflm(model, self._options.tflm)
            except UserError as error:
                notes.append(f"{self._path.stem} on {self._board.name}, TFLM: {error.message}")
        return baseline_row(self._path.stem, hashlib.sha256(model).hexdigest(), self._board.name, self._board.core)

    def _measured_tflm(self, model: bytes, library: Path) -> BenchRow:
        """Of the file as it is, without what convert improves in it. Raises: UserError, ToolError."""
        graph = read_tflite(model, self._path.stem, str(self._path))
        inputs = make_inputs(graph, (), 1)
        outputs = tflm_host.invoke(model, inputs, len(graph.outputs))
        vectors = [
            Vector(tuple(one.tobytes() for one in given), tuple(one.tobytes() for one in expected))
            for given, expected in zip(inputs, outputs, strict=True)
        ]
        board, out = self._board, self._directory / "tflm"
        arenas = [predict_arena(graph, target_for(one, dsp=board.dsp, mve=board.mve)) for one in Kernels]
        arena_bytes = max(one.required_bytes for one in arenas)
        write_directory(
            out, emit_project(graph, model, board, arena_bytes, vectors, Origin(__version__, "")), force=False
        )
        kernels = load_tflm(library, load_project(out / "firmware", Engine.TFLM)).kernels
        emulator = default_emulator(out, library)
        run = run_vectors(build_project(out, emulator, tflm=library), emulator, vectors)
        return self._row(run, kernels, None)
