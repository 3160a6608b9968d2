# SPDX-License-Identifier: Apache-2.0
"""What each op took, beside its price."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OpSpeed:
    """One op of the native engine. kernels: the C functions that compute it.

    priced: the instructions that it should take, op after op; None where a kernel has no price on this core.
    """

    index: int
    type: str
    kernels: tuple[str, ...]
    macs: int
    instructions: int
    estimated_cycles: int | None
    priced: int | None

    @property
    def instructions_per_mac(self) -> float | None:
        """None for an op without MACs."""
        return self.instructions / self.macs if self.macs else None

    @property
    def error(self) -> float | None:
        """How much more the price says than was measured, as a fraction; None without a price."""
        return self.priced / self.instructions - 1 if self.priced is not None and self.instructions else None
