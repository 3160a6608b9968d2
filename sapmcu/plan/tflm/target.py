# SPDX-License-Identifier: Apache-2.0
"""For which build of TFLM an arena is predicted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sapmcu.ir.memory import Kernels
from sapmcu.plan.tflm.facts import Block, Build, Facts, load_facts

HOST_WORD_BYTES = 8
ARM_WORD_BYTES = 4


class Simd(StrEnum):
    """What CMSIS-NN is compiled for; its scratch differs."""

    NONE = "none"
    DSP = "dsp"
    MVE = "mve"


@dataclass(frozen=True, slots=True)
class Target:
    """word_bytes: 8 on the x86-64 host, 4 on Cortex-M. is_recording: with RecordingMicroAllocator, as in
    print_allocations. has_compression: built with USE_TFLM_COMPRESSION. is_pypi: the release of the PyPI package."""

    kernels: Kernels
    simd: Simd
    word_bytes: int = ARM_WORD_BYTES
    is_recording: bool = False
    has_compression: bool = False
    is_pypi: bool = False

    @property
    def has_cmsis_nn(self) -> bool:
        return self.kernels is Kernels.CMSIS_NN

    @property
    def facts(self) -> Facts:
        return load_facts()

    @property
    def build(self) -> Build:
        if self.word_bytes == HOST_WORD_BYTES:
            return self.facts.builds["host"]
        return self.facts.builds["cmsis_nn" if self.has_cmsis_nn else "arm"]

    def struct(self, name: str) -> Block:
        block = self.build.structs[name]
        if not self.has_compression:
            return block
        return Block(block.size_bytes + self.facts.compression_structs.get(name, 0), block.alignment)

    def parameters(self, code: str) -> Block | None:
        """The op's builtin parameters, None where it has none."""
        if self.is_pypi and code in self.facts.pypi_parameters:
            return self.facts.pypi_parameters[code]
        return self.build.parameters.get(code)

    def op_data_bytes(self, code: str) -> int | None:
        """What the op's Init allocates, None where it allocates nothing."""
        data = self.build.op_data.get(code)
        more = self.facts.compression_op_data.get(code, 0) if self.has_compression else 0
        return data if data is None else data + more


PYPI_HOST = Target(Kernels.REFERENCE, Simd.NONE, HOST_WORD_BYTES, is_recording=True, has_compression=True, is_pypi=True)
"""The PyPI package tflite-micro, which tflm_host.allocations() measures."""


def target_for(kernels: Kernels, *, dsp: bool = True, mve: bool = False) -> Target:
    """A Cortex-M: dsp for M4, M7 and (where the chip has it) M33 and M35P; mve for M52, M55 and M85 with Helium.

    Neither for M0, M0+, M3 and M23. The compiler that builds CMSIS-NN must have the same features on.
    """
    return Target(kernels, Simd.MVE if mve else Simd.DSP if dsp else Simd.NONE)
