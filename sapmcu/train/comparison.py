# SPDX-License-Identifier: Apache-2.0
"""`sapmcu compare`: train and measure all runs of a grid, one directory each; what is finished stays finished.

Several processes may work on one directory: a run is locked by whoever trains it, and the lock goes with the process.
"""

from __future__ import annotations

import fcntl
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sapmcu.errors import ToolError, UserError
from sapmcu.ir.comparison import Comparison, ResultRow
from sapmcu.isolated import Progress
from sapmcu.report.comparison import comparison_json, render_comparison, summarize
from sapmcu.report.json import json_text
from sapmcu.report.plot import plot_comparison
from sapmcu.train.backend import load_backend, processors
from sapmcu.train.building import task_of
from sapmcu.train.checkpoint import write_bytes_aside, write_text_aside
from sapmcu.train.data import Splits
from sapmcu.train.fit import compile_predict, evaluate
from sapmcu.train.grid import Run, chosen_runs, grid_runs
from sapmcu.train.measure import FloatResult, measure_int8, measure_native_sram
from sapmcu.train.recipe import Recipe
from sapmcu.train.training import MODEL, finished_card, load_model, make_directory, train

RUNS, ROW = "runs", "row.json"
RENEWED = "native_input_rows_sram_bytes"
"""The figure that rows of older versions lack."""


@dataclass(frozen=True)
class CompareOptions:
    """only: which runs, as --only has it. threads: of TensorFlow, 0 for all."""

    only: str = ""
    threads: int = 0


def compare(
    recipe: Recipe, out: Path, options: CompareOptions, progress: Progress, splits: Splits | None = None
) -> Comparison:
    """Do the runs of the grid that are not done, then read all rows.

    A run that fails is noted and the next one goes on; calling again tries it again. Raises: UserError where the
    recipe has no grid, `out` holds runs of another recipe, or nothing but failures.
    """
    prepare(recipe, out, options)
    work(recipe, out, options, progress, splits)
    return read_rows(recipe, out)


def compare_in_processes(
    recipe: Recipe, path: Path, out: Path, jobs: int, options: CompareOptions, progress: Progress
) -> Comparison:
    """The same by `jobs` processes, each of which does runs until none is left. path: of the recipe.

    Their progress goes to our stderr. An interrupt goes to all of them.
    """
    prepare(recipe, out, options)
    threads = options.threads or max(1, processors() // jobs)
    command = [sys.executable, "-m", "sapmcu", "compare", str(path), "-o", str(out), "--worker"]
    command += ["--threads", str(threads), *(["--only", options.only] if options.only else [])]
    processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(jobs)]
    try:
        codes = [process.wait() for process in processes]
    except KeyboardInterrupt:
        for process in processes:
            process.send_signal(signal.SIGINT)
        for process in processes:
            process.wait()
        raise
    for code in filter(None, codes):
        progress(f"warning: one of the processes ended with code {code}; its run is not done")
    return read_rows(recipe, out)


def prepare(recipe: Recipe, out: Path, options: CompareOptions) -> None:
    """Make the directories, forget failures that are to be tried again. Raises: UserError where `out` is another's."""
    runs = grid_runs(recipe)
    make_directory(out / RUNS)
    for run in runs:
        finished_card(run.recipe, directory_of(run, out))
    for run in chosen_runs(runs, options.only):
        failure_of(run, out).unlink(missing_ok=True)


def work(recipe: Recipe, out: Path, options: CompareOptions, progress: Progress, splits: Splits | None = None) -> None:
    """Do each chosen run that is neither done nor failed nor in the hands of another process; of those that an older
    version has done, measure the figures that it didn't."""
    chosen = chosen_runs(grid_runs(recipe), options.only)
    for number, run in enumerate(chosen, 1):
        directory = directory_of(run, out)
        with locked(out / RUNS / f".{run.variant.name}.lock") as is_ours:
            if not is_ours or failure_of(run, out).exists():
                continue
            if not (directory / ROW).exists():
                progress(f"run {number} of {len(chosen)}: {run.variant.name}")
                splits = splits or recipe.load_data()
                do_run(run, out, splits, options.threads, _named(progress, run))
            elif RENEWED not in _read_json(directory / ROW):
                renew_row(directory, _named(progress, run))


def renew_row(directory: Path, progress: Progress) -> None:
    """The native engine's SRAM by rows for a row that was written before it was measured; nothing is trained."""
    progress("measuring the SRAM by rows of a finished run")
    try:
        row, native = _read_row(directory / ROW), measure_native_sram(directory, progress)
    except UserError as error:
        progress(f"warning: it stays unknown: {error.message}")
        return
    renewed = replace(
        row,
        native_sram_bytes=native.arena_bytes,
        native_rows_sram_bytes=native.rows_arena_bytes,
        native_input_rows_sram_bytes=native.input_rows_arena_bytes,
        native_refusal=native.refusal,
    )
    write_row(directory, renewed)


def write_row(directory: Path, row: ResultRow) -> None:
    write_text_aside(directory / ROW, json.dumps(asdict(row), indent=1) + "\n")


def do_run(run: Run, out: Path, splits: Splits, threads: int, progress: Progress) -> None:
    """Train, measure, write the row; or the failure."""
    directory = directory_of(run, out)
    try:
        card = train(run.recipe, directory, progress, threads=threads, splits=splits)
        backend = load_backend(threads)
        model = load_model(backend, directory / MODEL)
        task = task_of(run.recipe, model, splits)
        found, _ = evaluate(task, compile_predict(backend, model), splits.test)
        result = FloatResult(task, found)
        facts = measure_int8(directory, splits, result, run.recipe.training.seed, progress)
    except UserError as error:
        progress(f"failed: {error.message}")
        failure = {"message": error.message, "details": list(error.details)}
        write_text_aside(failure_of(run, out), json.dumps(failure, indent=1) + "\n")
        return
    row = ResultRow(
        name=run.variant.name,
        **asdict(run.variant),
        parameters=card.parameters,
        epochs=card.epochs,
        best_epoch=card.best_epoch,
        validation_accuracy=card.validation_accuracy,
        float_test_accuracy=card.test_accuracy,
        seconds=card.seconds,
        measure=card.measure,
        **asdict(facts),
    )
    write_row(directory, row)
    progress(f"float {row.float_test_accuracy:.2%}, int8 {row.int8_test_accuracy:.2%}")


def _named(progress: Progress, run: Run) -> Progress:
    """Several processes may write to one terminal."""
    return lambda text: progress(f"{run.variant.name}: {text}")


def read_rows(recipe: Recipe, out: Path) -> Comparison:
    """All that is done. Raises: UserError where nothing is and something failed."""
    runs = grid_runs(recipe)
    rows, failures = [], {}
    for run in runs:
        path = directory_of(run, out) / ROW
        if path.exists():
            rows.append(_read_row(path))
        elif failure_of(run, out).exists():
            failures[run.variant.name] = str(_read_json(failure_of(run, out)).get("message"))
    if failures and not rows:
        raise UserError(
            f"every run of {recipe.name} that was tried failed",
            hint="the same command tries them again",
            details=[f"{name}: {message}" for name, message in failures.items()],
        )
    return Comparison(recipe.name, recipe.facts, len(runs), tuple(rows), failures)


def write_reports(result: Comparison, out: Path, progress: Progress) -> None:
    """results.json, table.md, accuracy-sram.png and .svg, from the rows."""
    write_text_aside(out / "results.json", json_text(comparison_json(result)) + "\n")
    write_text_aside(out / "table.md", render_comparison(result) + "\n")
    if not result.rows:
        return
    try:
        for suffix, data in plot_comparison(summarize(result.rows), result.recipe).items():
            write_bytes_aside(out / f"accuracy-sram.{suffix}", data)
    except ToolError as error:
        progress(f"no plot: {error.message}; {error.hint}")


def directory_of(run: Run, out: Path) -> Path:
    return out / RUNS / run.variant.name


def failure_of(run: Run, out: Path) -> Path:
    return out / RUNS / f"{run.variant.name}.failure.json"


def _read_row(path: Path) -> ResultRow:
    try:
        return ResultRow(**_read_json(path))
    except TypeError as error:
        raise _unreadable(path, error) from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> UserError:
    return UserError(f"{path} can't be read", hint="delete it to do the run again", details=(str(error),))


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Whether the lock is ours; it ends with the process at the latest."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True
