# SPDX-License-Identifier: Apache-2.0
"""What an op's operands must be: shapes, types, quantization. A row for every op; a test makes the table total.

A rule takes (op, operands, results) and raises RuleError with a sentence that names the numbers, or returns None. It
holds float graphs to the same shapes; what sapmcu computes itself (int8) stands in sapmcu/reference/.
"""

from __future__ import annotations

from sapmcu.ir.rules import activation, axes, convolution, elementwise, movement, sampling
from sapmcu.ir.rules.rule import RULES, RuleError

__all__ = ["RULES", "RuleError", "activation", "axes", "convolution", "elementwise", "movement", "sampling"]
