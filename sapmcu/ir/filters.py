# SPDX-License-Identifier: Apache-2.0
"""In which form the filters of an op lie in flash, and so which kernel multiplies by them."""

from __future__ import annotations

from enum import StrEnum


class FilterForm(StrEnum):
    """What `convert --prefer speed` chooses from, op by op, on cores with DSP; all give the same bytes.

    In the order of what they need of SRAM, the least first.
    """

    INT8 = "int8"
    """Two channels share a lane of 16 bits, where that is exact."""
    INT16 = "int16"
    """A lane for each number: no unpacking, twice the flash."""
    WINOGRAD_ROW = "winograd-row"
    """F(4, 3) along a row: four results of a channel by 18 products in place of 36; 36 bytes of flash for 9."""
    WINOGRAD = "winograd"
    """F(2x2, 3x3): four results of a channel by 16 products in place of 36; 32 bytes of flash for 9."""

    def at_most(self, largest: FilterForm) -> FilterForm:
        """This form, or `largest` where that is before it."""
        forms = list(FilterForm)
        return forms[min(forms.index(self), forms.index(largest))]
