# SPDX-License-Identifier: Apache-2.0
"""What an op of the native engine will take, before it runs: instructions as linear functions of a kernel's shape.

prices.toml has the coefficients, which `make prices` measures.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import starmap
from pathlib import Path

from sapmcu.ir.cost import op_macs
from sapmcu.ir.filters import FilterForm
from sapmcu.ir.graph import Graph, Op
from sapmcu.ir.native import Step
from sapmcu.ir.parts import step_bytes
from sapmcu.ir.speed import OpPrice
from sapmcu.ir.tflite import op_code
from sapmcu.plan.price_shape import Shape, call_kernel, call_shape

PRICES = Path(__file__).with_name("prices.toml")
PRICED_AS: Mapping[str, str] = {
    "cortex-m0": "cortex-m0plus",
    "cortex-m0plus": "cortex-m0plus",
    "cortex-m3": "cortex-m3",
    "cortex-m4": "cortex-m4",
    "cortex-m7": "cortex-m4",
    "cortex-m33": "cortex-m4",
}
"""Cores that run the same code, but for a per cent."""
FILTERS: Mapping[str, FilterForm] = {
    "sapmcu_packed_": FilterForm.INT8,
    "sapmcu_wide_": FilterForm.INT16,
    "sapmcu_winograd_conv2d_row_": FilterForm.WINOGRAD_ROW,
    "sapmcu_winograd_conv2d_rows_": FilterForm.WINOGRAD,
}
"""By the begin of a kernel's name."""
VARIANTS = re.compile("_(small|even|plain)(?=_)")
"""Of a kernel that is another with its scratch on the stack, or without what no op of its program needs."""


@dataclass(frozen=True, slots=True)
class KernelPrice:
    """Of one kernel on one core. error: the largest of those that it was fitted to, as a fraction."""

    coefficients: Mapping[str, float]
    error: float

    def instructions(self, shape: Shape) -> float:
        return sum(value * shape.get(name, 0) for name, value in self.coefficients.items())


def price_ops(
    graph: Graph, steps: Sequence[Step], core: str, generic: Sequence[Step] = (), smaller: Sequence[Step] = ()
) -> tuple[OpPrice, ...]:
    """Of each op, run whole. generic: the ops as they are lowered for any core; smaller: with filters of 8 bits."""
    prices, others, small = (
        [_price_op(graph, op, step, core) for op, step in zip(graph.ops, one or steps, strict=True)]
        for one in (steps, generic, smaller)
    )
    return tuple(starmap(_compared, zip(prices, others, small, strict=True)))


def _compared(one: OpPrice, generic: OpPrice, smaller: OpPrice) -> OpPrice:
    if one.kernels != generic.kernels:
        one = replace(one, generic_instructions=generic.instructions)
    if one.filters == smaller.filters:
        return one
    return replace(one, smaller_instructions=smaller.instructions, smaller_flash_bytes=smaller.flash_bytes)


def _price_op(graph: Graph, op: Op, step: Step, core: str) -> OpPrice:
    parts = []
    for call in step.lowered.calls:
        price = kernel_price(call_kernel(call), core)
        parts.append(None if price is None else price.instructions(call_shape(graph, op, call)))
    total = None if None in parts else round(sum(filter(None, parts)))
    kernels = tuple(dict.fromkeys(call_kernel(call) for call in step.lowered.calls))
    forms = [form for begin, form in FILTERS.items() if any(kernel.startswith(begin) for kernel in kernels)]
    form = forms[0] if forms else None
    return OpPrice(
        *(step.index, op_code(op), kernels, op_macs(graph, op), total), flash_bytes=step_bytes(step), filters=form
    )


def kernel_price(kernel: str, core: str) -> KernelPrice | None:
    """None where the kernel wasn't measured on such a core."""
    return _prices().get((PRICED_AS.get(core, core), general_kernel(kernel)))


def general_kernel(kernel: str) -> str:
    """The kernel that a variant is priced as."""
    return VARIANTS.sub("", kernel)


@cache
def _prices() -> Mapping[tuple[str, str], KernelPrice]:
    if not PRICES.exists():  # before the first measurement
        return {}
    table = tomllib.loads(PRICES.read_text(encoding="ascii"))
    return {(row["core"], row["kernel"]): KernelPrice(row["instructions"], row["error"]) for row in table["price"]}
