# SPDX-License-Identifier: Apache-2.0
"""CMSIS-NN's kernels for cores without DSP, with it and with MVE, each result over its operand by exactly its lead.

SAPMCU_CMSIS_NN names a checkout of CMSIS-NN. Without it the test is skipped, on CI too.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from banded_nets import WINDOWS, NetOfRows, one_op

from sapmcu.ir import ops
from sapmcu.ir.graph import Graph
from sapmcu.ir.memory import Kernels
from sapmcu.plan.tflm import Target, target_for
from sapmcu.plan.tflm.overlap import operand_leads

HERE = Path(__file__).parent / "cmsis_nn"
CMSIS_NN = Path(os.environ.get("SAPMCU_CMSIS_NN", ""))
SOURCES = (
    *("ConvolutionFunctions/*s8*.c", "NNSupportFunctions/*s8*.c", "NNSupportFunctions/arm_q7_*.c"),
    *("PoolingFunctions/*s8.c", "BasicMathFunctions/arm_elementwise_add_s8.c", "TransposeFunctions/arm_transpose_s8.c"),
)
OPTIONS = (
    *("--specs=rdimon.specs", "-nostartfiles", "-mthumb", "-O2", "-ffunction-sections", "-Wl,--gc-sections", "-w"),
    *("-I.", f"-I{CMSIS_NN}", f"-I{CMSIS_NN / 'Include'}", "-T", str(HERE / "overlap.ld"), str(HERE / "overlap.c")),
)
TARGETS = {
    "cortex-m3": (target_for(Kernels.CMSIS_NN, dsp=False), "soft"),
    "cortex-m4": (target_for(Kernels.CMSIS_NN), "soft"),
    "cortex-m55": (target_for(Kernels.CMSIS_NN, mve=True), "hard"),
}
"""By gcc's name of the core: what is compiled in, and the ABI. All run on a Cortex-M55."""
SHAPES = ((7, 6, 4), (5, 5, 3), (4, 9, 8), (9, 11, 16), (6, 5, 124), (5, 5, 36), (3, 4, 130))
KINDS = {
    ops.Conv2D: "CONVOLUTION",
    ops.DepthwiseConv2D: "DEPTHWISE",
    ops.AveragePool2D: "AVERAGE_POOL",
    ops.MaxPool2D: "MAX_POOL",
    ops.Add: "ADD",
}
MORE: dict[str, Callable[[NetOfRows], str]] = {
    "conv 5x3": lambda net: net.convolution("x", 6, (5, 3), (1, 1)),
    "conv 1x1 to more channels": lambda net: net.convolution("x", 20, (1, 1), (1, 1)),
    "depthwise 3x3 valid": lambda net: net.convolution("x", 0, (3, 3), (1, 1), is_same=False),
}

pytestmark = [
    pytest.mark.skipif(not os.environ.get("SAPMCU_CMSIS_NN"), reason="SAPMCU_CMSIS_NN names no checkout of CMSIS-NN"),
    pytest.mark.needs("arm-none-eabi-gcc", "qemu-system-arm"),
]


def array(ctype: str, name: str, values: object) -> str:
    return f"static const {ctype} {name}[] = {{{', '.join(map(str, np.asarray(values).ravel().tolist()))}}};"


def layer(name: str, graph: Graph, lead: int, prefix: str) -> tuple[list[str], str]:
    """(definitions, call) of a graph of one op. Multipliers are such that sums use the range of int8."""
    random = np.random.default_rng(0)
    op = graph.ops[0]
    x, y = graph.tensors["x"], graph.tensors[op.outputs[0]]
    lines = [array("int8_t", f"{prefix}x", random.integers(-128, 128, x.elements))]
    operands, window = ["0"] * 4, getattr(op, "window", (1, 1))
    if len(op.inputs) == 3:
        filters, outputs = graph.tensors[str(op.inputs[1])], y.shape[3]
        window = filters.shape[1:3]
        shift = 1 - int(np.ceil(np.log2(np.sqrt(filters.elements // outputs) * 254)))
        lines += [
            array("int8_t", f"{prefix}filter", filters.value),
            array("int32_t", f"{prefix}bias", graph.tensors[str(op.inputs[2])].value),
            array("int32_t", f"{prefix}multiplier", random.integers(1 << 30, (1 << 31) - 1, outputs)),
            array("int32_t", f"{prefix}shift", [shift] * outputs),
        ]
        operands = [f"{prefix}{one}" for one in ("filter", "bias", "multiplier", "shift")]
    padding = getattr(op, "padding", ((0, 0), (0, 0)))
    pairs = (window, getattr(op, "stride", (1, 1)), getattr(op, "dilation", (1, 1)), (padding[0][0], padding[1][0]))
    fields = [f'"{name}"', KINDS[type(op)], f"{prefix}x", *operands, *map(str, (*x.shape[1:], *y.shape[1:]))]
    fields += [f"{{{height}, {width}}}" for height, width in pairs]
    return lines, f"    run(&(const struct layer){{{', '.join(fields)}, {lead}}});"


def cases(target: Target) -> str:
    lines: list[str] = []
    calls: list[str] = []
    for shape in SHAPES:
        for what, build in {**WINDOWS, **MORE}.items():
            graph = one_op(build, shape)
            lead = operand_leads(graph, graph.ops[0], target).get("x")
            if lead is not None:
                defined, call = layer(f"{what} of {shape}", graph, lead, f"c{len(calls)}_")
                lines += defined
                calls.append(call)
    return "\n".join([*lines, "static void run_all(void) {", *calls, "}", ""])


@pytest.mark.parametrize("core", TARGETS)
def test_results_over_operands_by_their_lead_are_right(tmp_path: Path, core: str) -> None:
    target, abi = TARGETS[core]
    (tmp_path / "cases.h").write_text(cases(target))
    sources = sorted(path for pattern in SOURCES for path in (CMSIS_NN / "Source").glob(pattern))
    compiled = [str(path) for path in sources if not re.search(r"_f(16|32)", path.name)]
    command = ["arm-none-eabi-gcc", f"-mcpu={core}", f"-mfloat-abi={abi}", *OPTIONS, *compiled, "-lm", "-o", "test.elf"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    qemu = ["qemu-system-arm", "-M", "mps3-an547", "-nographic", "-semihosting", "-kernel", "test.elf"]
    ran = subprocess.run(qemu, cwd=tmp_path, check=True, capture_output=True, text=True, timeout=120)
    counts = re.search(r"total (\d+) failures (\d+) sensitive (\d+)", ran.stdout)
    assert counts is not None, ran.stdout
    total, failures, sensitive = map(int, counts.groups())
    assert failures == 0, ran.stdout
    assert total > 90 and sensitive > 10  # where CMSIS-NN alone would allow more, a byte less is right, too
