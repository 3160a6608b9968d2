# SPDX-License-Identifier: Apache-2.0
"""The whole compiler on one screen: every stage by name, in order."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice, zip_longest
from pathlib import Path

import numpy as np

from sapmcu import __version__
from sapmcu.boards.board import Board, load_board
from sapmcu.boards.clock import ClockChoice
from sapmcu.boards.converted import copied_board
from sapmcu.boards.fit import board_fit, board_rooms, engine_warnings, fitting_engines, native_shortage
from sapmcu.boards.placement import apart_region, largest_arena_bytes
from sapmcu.boards.use import use_board
from sapmcu.dump_ir import IrDump
from sapmcu.emit.directory import check_target, write_directory
from sapmcu.emit.origin import Origin
from sapmcu.emit.tflite import write_tflite
from sapmcu.engines import Compared, engine_sram, pareto_front
from sapmcu.errors import UserError
from sapmcu.execution import check_execution, executor, tracer
from sapmcu.filter_choice import constants_room, preferred_filters
from sapmcu.frontends.source import load_source
from sapmcu.frontends.tflite import read_tflite
from sapmcu.ir.build import Engine, Prefer
from sapmcu.ir.check import verify_graph
from sapmcu.ir.conversion import Conversion, InputLayout, Interface, NativeArena, Rewrite
from sapmcu.ir.graph import Array, Graph, Tensor
from sapmcu.ir.memory import Fit, Kernels, MemoryReport, Optimize
from sapmcu.ir.native import Apart, NativeProgram
from sapmcu.ir.ops import Opaque
from sapmcu.ir.source import ModelFormat, Samples, Source
from sapmcu.ir.speed import OpPrice
from sapmcu.ir.tflite import op_code
from sapmcu.ir.twins import Twins
from sapmcu.lower import lower_ops, order_graph
from sapmcu.native_sram import NativeWish, native_arena, plan_native
from sapmcu.passes import NATIVE_PASSES, PASSES, SRAM_PASSES, Pass
from sapmcu.passes.input_layout import channels_last_inputs
from sapmcu.passes.int8_interface import int8_interface
from sapmcu.plan.maps import native_map, tflm_map
from sapmcu.plan.memory import plan_memory
from sapmcu.plan.price import price_ops
from sapmcu.plan.size import measure_graph
from sapmcu.plan.tflm.buffers import OFFLINE_METADATA
from sapmcu.plan.tflm.target import target_for
from sapmcu.quantize.accuracy import measure_accuracy, quantize_inputs
from sapmcu.quantize.quantizer import Quantized, check_full_int8, is_full_int8, quantize_source
from sapmcu.quantize.samples import load_samples, looks_like_pixels
from sapmcu.report.json import conversion_json, json_text
from sapmcu.run.vectors import make_inputs
from sapmcu.tflm_sram import MAX_EXTRA_MACS, SramWish, optimize_tflm

Progress = Callable[[str], None]
Perms = Sequence[tuple[int, ...] | None]
"""For each input: how the host transposes it, None for one that it gives as the model file has it."""
VECTORS = 30
"""Inputs of the check before anything is written."""
KEPT_VECTORS = 8
"""Of them in testdata/."""
NO_DUMP = IrDump()


@dataclass(frozen=True, slots=True)
class ConvertOptions:
    """The options of `sapmcu convert`; command: the line that the user typed, for the headers of generated files."""

    model: Path
    board: str
    out: Path | None = None
    force: bool = False
    samples: str | None = None
    normalize: str | None = None
    strict: bool = False
    per_layer: bool = False
    input_layout: str = InputLayout.FILE
    kernels: str = Kernels.CMSIS_NN
    optimize: str = Optimize.AUTO
    max_extra_macs: float | None = None
    input_rows: bool = False
    output_rows: bool = False
    prefer: str | None = None
    pareto: bool = False
    clock: str = ClockChoice.RESET
    place: tuple[str, ...] = ()
    dump_ir: Path | None = None
    command: str = ""


def convert(options: ConvertOptions, progress: Progress) -> Conversion:
    """Model file in; int8 model, reports and firmware project out, in a directory.

    Raises: UserError, ToolError. Nothing is written then.
    """
    from sapmcu.emit.firmware import Deployment, emit_firmware  # here, so that `memory` answers sooner
    from sapmcu.report.html import render_html

    board = use_board(load_board(options.board), ClockChoice(options.clock), options.place)
    apart = check_apart(board, options)
    out = options.out or Path(f"{options.model.stem}-{board.name}")
    check_target(out, force=options.force)
    source = load_source(options.model, progress=progress)
    int8, quantized, samples = quantize(source, options, progress)
    as_read = read_tflite(int8, source.path.stem, str(source.path), is_quantized_here=quantized is not None)
    check_full_int8(as_read, source)
    laid_out, perms = lay_out(as_read, InputLayout(options.input_layout), progress)
    optimize, extra = Optimize(options.optimize), options.max_extra_macs
    dump = IrDump(options.dump_ir)
    in_file_order, rewrites = rewrite(laid_out, dump, optimize, board.twins)
    graph, is_order_best = order_graph(in_file_order)
    dump.write(graph, f"{len(rewrites) + 1}-order")
    native, native_rewrites, is_order_best = native_graph(graph, is_order_best=is_order_best)
    int8_samples = None if samples is None else samples.transposed(perms)
    inputs = make_inputs(graph, quantized_samples(graph, int8_samples), VECTORS)
    target = target_for(Kernels(options.kernels), dsp=board.dsp, mve=board.mve)
    prefer = None if options.prefer is None else Prefer(options.prefer)
    wish = SramWish(optimize, MAX_EXTRA_MACS if extra is None else extra, largest_arena_bytes(board))
    tflm = optimize_tflm(graph, target, wish, inputs, progress)
    if tflm.graph is not graph:
        dump.write(tflm.graph, f"{len(rewrites) + 2}-tflm")
    model = write_tflite(tflm.graph)
    memory = replace(plan_memory(tflm.graph, len(model), target), savings=tflm.savings)
    compared = Compared(graph, native, target, board.twins, memory.model_bytes, memory.flash_bytes, tflm.savings)
    native_wish = NativeWish(
        optimize,
        options.max_extra_macs,
        largest_arena_bytes(board),
        options.input_rows,
        options.output_rows,
        twins=board.twins,
        apart=apart,
        filters=preferred_filters(native, board, prefer, progress),
        flash_bytes=constants_room(board),
    )
    program, reason = plan_native(native, native_wish)
    fit = board_fit(board, memory)
    native_lack = reason if program is None else native_shortage(board, program)
    engines = fitting_engines(fit, memory, native_lack, optimize)
    progress(f"checking {VECTORS} inputs")
    before = None if any(one.mends for one in rewrites) else write_tflite(as_read)
    with ThreadPoolExecutor(max_workers=1) as beside:  # TFLM computes in a process of its own
        checked = beside.submit(
            check_execution, before, model, tflm.graph, inputs, native, in_layout_of_file(inputs, perms)
        )
        memory = with_engines(memory, compared, progress, pareto=options.pareto)
        vectors, check = checked.result()
    accuracy = None
    if samples is not None and not samples.is_guessed:
        progress(f"comparing int8 with float on {len(samples)} samples")
        accuracy = measure_accuracy(
            *(source, graph, model, samples),
            int8_samples=int8_samples,
            execute=executor(graph, model, native=native, runs=len(samples), progress=progress),
            trace=tracer(graph),
            per_layer=options.per_layer,
        )
    origin = Origin(__version__, options.command)
    files = {
        "model.tflite": model,
        **{f"firmware/{name}": data for name, data in copied_board(options.board).items()},
        **emit_firmware(
            Deployment(graph, tflm.graph, model, board, vectors[:KEPT_VECTORS], origin, prefer),
            memory.tflm.required_bytes if Engine.TFLM in engines else None,
            program if Engine.NATIVE in engines else None,
        ),
    }
    result = Conversion(
        model=source.path.name,
        format=source.format.value,
        producer=source.producer,
        quantizer=None if quantized is None else quantized.quantizer.value,
        narrowed_ranges=0 if quantized is None else quantized.ranges.narrowed,
        samples=samples.origin if samples else None,
        is_guessed=samples is not None and samples.is_guessed,
        sha256=hashlib.sha256(model).hexdigest(),
        inputs=interfaces(graph, graph.inputs, perms),
        outputs=interfaces(graph, graph.outputs),
        memory=memory,
        fit=fit,
        rewrites=(*rewrites, *native_rewrites),
        check=check,
        accuracy=accuracy,
        engines=engines,
        native=native_facts(program, native, in_file_order, is_order_best, native_wish),
        native_ops=native_prices(program, native, board),
        warnings=(
            *warnings(samples, graph, memory),
            *tflm.warnings,
            *engine_warnings(engines, fit, memory, native_lack),
        ),
        files=tuple(sorted([*files, "report.html", "report.json"])),
        out=out,
    )
    for warning in result.warnings:
        progress(f"warning: {warning}")
    plans = [tflm_map(tflm.graph, memory.tflm), *([] if program is None else [native_map(native, program)])]
    reports = {"report.json": json_text(conversion_json(result)) + "\n", "report.html": render_html(result, plans)}
    write_directory(out, {**files, **{name: text.encode() for name, text in reports.items()}}, force=options.force)
    return result


def check_apart(board: Board, options: ConvertOptions) -> dict[Apart, str]:
    """Region of what lies outside of the arena. Raises: UserError where ops can't run whole then."""
    apart = {one: region for one in Apart if (region := apart_region(board, one)) is not None}
    if apart and (options.input_rows or options.output_rows or options.optimize == Optimize.SRAM):
        by_rows = "--input-rows" if options.input_rows else "--output-rows"
        other = by_rows if options.input_rows or options.output_rows else "--optimize sram"
        raise UserError(
            f"--place {next(iter(apart))}=... and {other} exclude each other: ops by rows have both in the arena",
            hint="place the arena instead, or leave one out; with --input-rows an input may come from anywhere",
        )
    return apart


def native_facts(
    program: NativeProgram | None, graph: Graph, in_file_order: Graph, is_order_best: bool, wish: NativeWish
) -> NativeArena | None:
    """What the report says of the native engine's program, which is of `graph`."""
    if program is None:
        return None
    file_order, _ = run_passes(in_file_order, NATIVE_PASSES)
    return native_arena(program, graph, file_order, is_order_best=is_order_best, wish=wish)


def native_prices(program: NativeProgram | None, graph: Graph, board: Board) -> tuple[OpPrice, ...]:
    """What the report says of the ops of the native engine's program, beside other forms of the same."""
    if program is None:
        return ()
    smaller = lower_ops(graph, twins=board.twins) if program.filters else ()
    return price_ops(graph, program.steps, board.core, lower_ops(graph), smaller)


def quantize(
    source: Source, options: ConvertOptions, progress: Progress
) -> tuple[bytes, Quantized | None, Samples | None]:
    """(int8 .tflite, how it was made, samples). A model that is int8 already stays as it is and needs no samples."""
    graph = int8_interface(source.graph)
    if is_full_int8(graph):
        if options.samples is not None:
            progress("note: the model is int8 already; --samples is not used")
        if graph.inputs != source.graph.inputs or graph.outputs != source.graph.outputs:
            progress("note: the model's float inputs and outputs become int8; the report has their scales")
        return write_tflite(graph), None, None
    samples = load_samples(options.samples, source, normalize=options.normalize)
    if samples.is_guessed and options.strict:
        raise UserError(
            f"{source.path} has no samples to find ranges with, and --strict forbids to make them up",
            hint="give --samples: a .npy or .npz file, a directory of images, or the name of a data set",
        )
    quantized = quantize_source(source, samples, progress=progress)
    return quantized.tflite, quantized, samples


def lay_out(graph: Graph, layout: InputLayout, progress: Progress) -> tuple[Graph, Perms]:
    """The graph with inputs in this layout, and how the host transposes each of them."""
    if layout is InputLayout.FILE:
        return graph, (None,) * len(graph.inputs)
    laid_out, moved = channels_last_inputs(graph)
    if not moved:
        progress("note: no input of the model has its channels moved last by a TRANSPOSE; --input-layout is not used")
    return laid_out, tuple(moved.get(name) for name in graph.inputs)


def in_layout_of_file(inputs: Sequence[tuple[Array, ...]], perms: Perms) -> Sequence[tuple[Array, ...]]:
    """Undo the host's transposes."""

    def undone(array: Array, perm: tuple[int, ...] | None) -> Array:
        return array if perm is None else np.ascontiguousarray(array.transpose(np.argsort(perm)))

    return [tuple(undone(array, perm) for array, perm in zip(one, perms, strict=True)) for one in inputs]


def rewrite(
    graph: Graph, dump: IrDump = NO_DUMP, optimize: Optimize = Optimize.AUTO, twins: Twins = Twins.DSP
) -> tuple[Graph, tuple[Rewrite, ...]]:
    """Run all passes of the graph that model.tflite holds. twins: of the kernels that run it."""
    dump.write(graph, "0-as-read")
    is_least = optimize is Optimize.SRAM or not twins.takes_fours
    return run_passes(graph, SRAM_PASSES if is_least else PASSES, dump)


def native_graph(graph: Graph, *, is_order_best: bool = False) -> tuple[Graph, tuple[Rewrite, ...], bool]:
    """(graph for the native engine, its rewrites, whether no order needs less) from the one that model.tflite holds.

    It comes from that graph alone, so that it can be made again from the file.
    """
    rewritten, rewrites = run_passes(graph, NATIVE_PASSES)
    if rewritten is graph:
        return graph, rewrites, is_order_best
    ordered, is_order_best = order_graph(rewritten)
    return ordered, tuple(replace(one, engine=Engine.NATIVE) for one in rewrites), is_order_best


def run_passes(graph: Graph, passes: Sequence[Pass], dump: IrDump = NO_DUMP) -> tuple[Graph, tuple[Rewrite, ...]]:
    """The graph after the passes; each result is verified. A plan of TFLM's arena holds off those that break it."""
    rewrites = []
    for number, one in enumerate(passes, 1):
        before = graph
        if one.fits_plans or OFFLINE_METADATA not in graph.metadata:
            graph = one.run(graph)
        verify_graph(graph)
        dump.write(graph, f"{number}-{one.name}")
        rewrites.append(Rewrite(one.name, measure_graph(before), measure_graph(graph), one.mends and before != graph))
    return graph, tuple(rewrites)


def quantized_samples(graph: Graph, samples: Samples | None) -> Sequence[tuple[Array, ...]]:
    """The samples as the int8 model takes them; none where they are made up."""
    if samples is None or samples.is_guessed:
        return ()
    return [tuple(quantize_inputs(graph, one)) for one in islice(samples.batches(), VECTORS)]


def interfaces(graph: Graph, names: Sequence[str], perms: Perms = ()) -> tuple[Interface, ...]:
    """The inputs or outputs as reports show them."""

    def one(tensor: Tensor, perm: tuple[int, ...] | None) -> Interface:
        quantization = tensor.quantization
        scale, zero_point = (None, None) if quantization is None else (quantization.scale, quantization.zero_point)
        return Interface(tensor.name, tensor.shape, tensor.dtype.value, scale, zero_point, perm)

    return tuple(one(graph.tensors[name], perm) for name, perm in zip_longest(names, perms))


def warnings(samples: Samples | None, graph: Graph, memory: MemoryReport) -> tuple[str, ...]:
    """What a user must know before trusting the figures; stands in every report."""
    found = []
    if samples is not None and samples.is_guessed:
        found.append(
            "the samples are made up: ranges are guesses and the accuracy of the int8 model is unknown; give --samples"
        )
    elif samples is not None and looks_like_pixels(samples):
        found.append(
            "the samples are whole numbers up to 255, as pixels are: if training scaled them, give --normalize"
        )
    opaque = sorted({op_code(op) for op in graph.ops if isinstance(op, Opaque)})
    if opaque:
        found.append(
            f"{', '.join(opaque)}: opaque to sapmcu, so only TFLM has run the model, and only it will on a board"
        )
    return (*found, *memory.notes)


def with_engines(report: MemoryReport, compared: Compared, progress: Progress, *, pareto: bool) -> MemoryReport:
    """The report with both engines side by side. pareto: with the native engine's front, too."""
    return replace(
        report,
        engines=engine_sram(compared, progress),
        boards=board_rooms(),
        pareto=pareto_front(compared.native, compared.twins, progress) if pareto else (),
    )


def memory(
    path: Path, board: str | None, kernels: str, progress: Progress
) -> tuple[MemoryReport, Fit | None, Compared | None]:
    """What the model needs, as it would be written by convert; a .tflite as it is, float or int8.

    A model in another format is quantized on made-up samples, which change nothing in its memory. The last is what
    with_engines takes, which needs longer: the graphs that convert would make; None for a float model.
    Raises: UserError.
    """
    chosen = None if board is None else load_board(board)
    twins = Twins.DSP if chosen is None else chosen.twins
    source = load_source(path, progress=progress)
    graph, model_bytes = source.graph, len(source.tflite)
    if source.format is not ModelFormat.TFLITE:
        options = ConvertOptions(path, board or "")
        int8, quantized, _ = quantize(source, options, progress)
        as_read = read_tflite(int8, path.stem, str(path), is_quantized_here=quantized is not None)
        graph, _ = order_graph(rewrite(as_read, twins=twins)[0])
        check_full_int8(graph, source)
        model_bytes = len(write_tflite(graph))
    target = (
        target_for(Kernels(kernels)) if chosen is None else target_for(Kernels(kernels), dsp=chosen.dsp, mve=chosen.mve)
    )
    report = plan_memory(graph, model_bytes, target)
    compared = None
    if is_full_int8(graph):
        rewritten, _ = order_graph(rewrite(graph, optimize=Optimize.SRAM)[0])
        native = native_graph(rewritten)[0]
        compared = Compared(rewritten, native, target, twins, report.model_bytes, report.flash_bytes)
    return report, None if chosen is None else board_fit(chosen, report), compared
