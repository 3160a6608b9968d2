# SPDX-License-Identifier: Apache-2.0
"""What each op of the native engine will take, and took."""

from __future__ import annotations

from dataclasses import dataclass

from sapmcu.ir.filters import FilterForm


@dataclass(frozen=True, slots=True)
class OpPrice:
    """kernels: the C functions that compute the op. instructions: None where one of them has no price.

    generic_instructions: by the kernels that it had without packed filters; None where they are the same, or have no
    price. flash_bytes: of its constants; filters: in which form they were chosen. smaller_instructions,
    smaller_flash_bytes: with filters of 8 bits; None where it has these.
    """

    index: int
    type: str
    kernels: tuple[str, ...]
    macs: int
    instructions: int | None
    generic_instructions: int | None = None
    flash_bytes: int = 0
    filters: FilterForm | None = None
    smaller_instructions: int | None = None
    smaller_flash_bytes: int | None = None

    @property
    def instructions_per_mac(self) -> float | None:
        """None without a price, and for an op without MACs."""
        return self.instructions / self.macs if self.macs and self.instructions is not None else None


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


def short_kernels(kernels: tuple[str, ...]) -> str:
    """Without what all names have: sapmcu_conv2d_row_s8 -> conv2d."""
    return ", ".join(one.removeprefix("sapmcu_").replace("_row_s8", "").replace("_s8", "") for one in kernels)
