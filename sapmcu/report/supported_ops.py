# SPDX-License-Identifier: Apache-2.0
"""docs/supported-ops.md, from the tables. `python -m sapmcu.report.supported_ops` prints it."""

from __future__ import annotations

from sapmcu.ir.cost import MACS
from sapmcu.ir.tflite import FORMATS
from sapmcu.lower import LOWER
from sapmcu.reference import EVALUATE

HEAD = """# Supported ops
Generated from the tables by `make golden`; a test fails when it is stale.

sapmcu knows the ops below: it checks their operands, computes them in numpy with every byte as TFLM's
reference kernels do (int8 where nothing else is said), and counts their MACs.

Any other op of a model stays **opaque**: the memory report and the TFLM application work as long as TFLM has the op,
`convert` checks the model by running TFLM alone, and the report says so. The native engine can't run it.

| TFLite op | operands and result | numpy reference | native engine | MACs |
| --- | --- | --- | --- | --- |
"""


def supported_ops() -> str:
    """The page, in the order of sapmcu/ir/tflite.py."""
    rows = []
    for kind, row in FORMATS.items():
        first_line = (kind.__doc__ or "").strip().splitlines()[0].replace("|", "\\|")
        marks = ("yes" if kind in table else "no" for table in (EVALUATE, LOWER))
        rows.append(f"| {row.code} | {first_line} | {' | '.join(marks)} | {'yes' if kind in MACS else ''} |")
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(supported_ops(), end="")
