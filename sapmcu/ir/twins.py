# SPDX-License-Identifier: Apache-2.0
"""Which instructions the native engine's kernels may use, and so which twins of the portable ones a core gets."""

from __future__ import annotations

from enum import StrEnum


class Twins(StrEnum):
    """The value is the directory below firmware/kernels/ that holds them."""

    NONE = ""
    V6M = "v6m"
    """ARMv6-M, Cortex-M0 and M0+: 32-bit products, of which the lower half alone is kept."""
    DSP = "dsp"
    """Two products of 16 bits at once: Cortex-M4, M7, M33 where the chip has it, M55."""
    MVE = "mve"
    """Vectors of 128 bits: Cortex-M55."""

    @property
    def takes_fours(self) -> bool:
        """Whether kernels are slower, or larger, for numbers of channels that are no multiples of four.

        person_detect with 7 channels of 8 takes CMSIS-NN 12 % more instructions, the native engine 25 % on a
        Cortex-M55, and 764 bytes of code on an M4; it saves 1 % of them on an M0+ and 2 % on an M3.
        """
        return self in (Twins.DSP, Twins.MVE)

    @property
    def directories(self) -> tuple[str, ...]:
        """Below firmware/, each function one file named as it; a twin goes before the portable kernel of its name."""
        twins = {Twins.NONE: (), Twins.MVE: (Twins.MVE, Twins.DSP)}.get(self, (self,))
        return (*(f"kernels/{one}" for one in twins), "kernels", "engine")
