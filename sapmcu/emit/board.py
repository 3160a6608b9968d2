# SPDX-License-Identifier: Apache-2.0
"""What startup must know of a board, as the data that port/board.c walks: clock, reset reasons, protected memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sapmcu.boards.board import Board, BootCode, Region, RegionKind
from sapmcu.boards.clock import ClockChoice, ResetReason
from sapmcu.boards.placement import Placement
from sapmcu.emit.c_source import c_comment
from sapmcu.emit.origin import Origin, block_comment
from sapmcu.emit.steps import steps_reference, steps_table

BOARD_SOURCES: Mapping[str, str] = {
    "port/board.c": "port/board.c",
    "port/caches.c": "port/cortex_m/caches.c",
    "port/fault.c": "port/cortex_m/fault.c",
    "port/protection.c": "port/cortex_m/protection.c",
    "port/stack.c": "port/cortex_m/stack.c",
    "port/startup.c": "port/cortex_m/startup.c",
    "port/steps.c": "port/steps.c",
}
BOARD_HEADERS: Mapping[str, str] = {"port/board.h": "port/board.h", "port/steps.h": "port/steps.h"}
"""Of every firmware, as BOARD_SOURCES: path in the project -> path below firmware/."""
BOOT_SOURCES: Mapping[BootCode, Mapping[str, str]] = {
    BootCode.NONE: {},
    BootCode.RP2040_STAGE2: {"port/boot/rp2040_stage2.c": "port/boot/rp2040_stage2.c"},
    BootCode.RP2350_IMAGE: {"port/boot/rp2350_image.c": "port/boot/rp2350_image.c"},
}

GUARD_BYTES = 4096
"""Below the stack, where there is no memory: what the largest frame may reach beyond the stack."""
EXTERNAL_SPACES = (0x6000_0000, 0x8000_0000)
EXTERNAL_SPACE_BYTES = 0x2000_0000
"""Where a Cortex-M7 reads ahead, even where nothing answers. Source: ST AN4838, "Cortex-M7 constraint speculative
prefetch"; Armv7-M (DDI 0403), B3.1, the default map: normal memory."""
EXTERNAL_KINDS = (RegionKind.PSRAM, RegionKind.SDRAM)
MIN_PROTECTED_BYTES = 256
"""The least of an Armv6-M's regions."""


def emit_board(board: Board, placement: Placement, origin: Origin) -> bytes:
    """The C file that defines sapmcu_this_board."""
    is_fast = board.choice is ClockChoice.FAST and board.clock.fast is not None
    clock = board.clock.fast.setup if is_fast and board.clock.fast is not None else ()
    start = (*board.start, *(step for region in placement.regions for step in region.setup or ()))
    regions = list(protected_regions(board, placement))
    lines = [
        "/* SPDX-License-Identifier: Apache-2.0 */",
        *block_comment((c_comment(_title(board)), *origin.lines)),
        '#include "port/board.h"',
        "",
        *steps_table("start", start),
        *steps_table("clock", clock),
        *steps_table("forget", board.reset.clear),
        *_reset_flags(board),
        *(["static const sapmcu_region regions[] = {", *regions, "};", ""] if regions else []),
        "const sapmcu_board sapmcu_this_board = {",
        f"    .start = {steps_reference('start', start)},",
        f"    .clock = {steps_reference('clock', clock)},",
        f"    .forget = {steps_reference('forget', board.reset.clear)},",
        f"    .start_hz = {board.clock.start_hz}u,",
        f"    .clock_hz = {board.clock.core_hz(board.choice)}u,",
        f"    .reset_flags = {'reset_flags' if board.reset.flags else 'NULL'},",
        f"    .reset_flag_count = {len(board.reset.flags)},",
        f"    .regions = {'regions' if regions else 'NULL'},",
        f"    .region_count = {len(regions)},",
        f"    .enable_caches = {'sapmcu_enable_caches' if is_fast and board.core_facts.has_caches else 'NULL'},",
        "};",
    ]
    return ("\n".join(lines) + "\n").encode("ascii")


def _title(board: Board) -> str:
    fast = board.clock.fast
    if board.choice is ClockChoice.FAST and fast is not None:
        return f"{board.title} ({board.mcu}) at {fast.core_hz:,} Hz: {fast.source}."
    return f"{board.title} ({board.mcu}) as it comes out of reset, {board.clock.start_hz:,} Hz."


def _reset_flags(board: Board) -> list[str]:
    if not board.reset.flags:
        return []
    bits = {reason: 1 << number for number, reason in enumerate(ResetReason)}
    rows = (f"    {{{one.register:#010x}u, {one.bits:#x}u, {bits[one.reason]}u}}," for one in board.reset.flags)
    comments = (f"    /* {c_comment(one.name)}: {one.reason} */" for one in board.reset.flags)
    lines = [line for pair in zip(comments, rows, strict=True) for line in pair]
    return ["static const sapmcu_reset_flag reset_flags[] = {", *lines, "};", ""]


def protected_regions(board: Board, placement: Placement) -> Iterator[str]:
    """Rows of sapmcu_region: code, what lies below the stack, the outside world."""
    is_v8 = board.core in ("cortex-m33", "cortex-m55")
    used = placement.regions
    yield from _region_row("code", placement.code, "CODE", is_v8=is_v8)
    guard = Region("below the stack", RegionKind.SRAM, placement.stack.base - GUARD_BYTES, GUARD_BYTES)
    if not is_v8 and not any(one.base < guard.end and guard.base < one.end for one in board.memory):
        yield from _region_row("below the stack", guard, "NONE", is_v8=is_v8)
    outside = [one for one in used if one.kind in EXTERNAL_KINDS]
    for base in EXTERNAL_SPACES if board.core == "cortex-m7" else ():
        space = Region("outside", RegionKind.PSRAM, base, EXTERNAL_SPACE_BYTES)
        if not any(space.base <= one.base < space.end for one in outside):
            yield from _region_row("no memory outside the MCU", space, "NONE", is_v8=is_v8)
    for one in outside:
        yield from _region_row(one.name, one, "MEMORY", is_v8=is_v8)


def _region_row(what: str, region: Region, kind: str, *, is_v8: bool) -> Sequence[str]:
    """Nothing where the unit can't describe it: Armv6-M and v7-M have regions of 2^n bytes, aligned to their size."""
    size = region.size_bytes
    fits = (
        size % 32 == 0 if is_v8 else size >= MIN_PROTECTED_BYTES and size & (size - 1) == 0 and region.base % size == 0
    )
    row = f"    {{{region.base:#010x}u, {size:#x}u, SAPMCU_REGION_{kind}}}, /* {c_comment(what)} */"
    return (row,) if fits else ()
