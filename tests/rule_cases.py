# SPDX-License-Identifier: Apache-2.0
"""An op with its tensors, sound or with one thing changed, before its rule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sapmcu.ir.graph import DType, Op, Tensor
from sapmcu.ir.ops import Range
from sapmcu.ir.rules import RULES, RuleError

Case = dict[str, Any]
"""The op as "op", its tensors by name."""

REAL = Range(-float("inf"), float("inf"))


def check(case: Case) -> None:
    """Raises: RuleError."""
    op: Op = case["op"]
    operands = tuple(None if name is None else case[name] for name in op.inputs)
    RULES[type(op)](op, operands, tuple(case[name] for name in op.outputs))


def refusal(case: Case, changes: dict[str, Any]) -> str:
    """The rule's sentence. changes: a new tensor by its name, or an attribute of the op."""
    attributes = {key: value for key, value in changes.items() if key not in case}
    tensors = {key: value for key, value in changes.items() if key in case}
    with pytest.raises(RuleError) as caught:
        check(case | tensors | {"op": replace(case["op"], **attributes)})
    return str(caught.value)


def as_float(case: Case) -> Case:
    """The same in float32: integer operands that shape the result stay."""

    def changed(one: Any) -> Any:
        if not isinstance(one, Tensor) or (one.dtype is DType.INT32 and one.quantization is None):
            return one
        return replace(one, dtype=DType.FLOAT32, quantization=None, data=one.data and bytes(4 * one.elements))

    case = {key: changed(value) for key, value in case.items()}
    if hasattr(case["op"], "activation"):
        case["op"] = replace(case["op"], activation=REAL)
    return case
