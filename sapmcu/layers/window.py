# SPDX-License-Identifier: Apache-2.0
"""Where the windows of a pooling lie: Keras's rules for "valid" and "same"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sapmcu.errors import UserError

PADDINGS = ("valid", "same")


@dataclass(frozen=True, slots=True)
class Window:
    """size, strides: (height, width), in pixels. padding: valid or same."""

    size: tuple[int, int]
    strides: tuple[int, int]
    padding: str

    @property
    def pixels(self) -> int:
        """Of one window."""
        return self.size[0] * self.size[1]

    def output_size(self, size: tuple[int | None, int | None]) -> tuple[int | None, int | None]:
        """Height and width of the result; None where the input's is open."""
        height, width = (self._output(axis, size[axis]) for axis in (0, 1))
        return height, width

    def pads(self, size: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
        """Pixels that windows stick out at ((top, bottom), (left, right)). With "valid", none do."""
        rows, columns = (self._pads(axis, size[axis]) for axis in (0, 1))
        return rows, columns

    def _output(self, axis: int, length: int | None) -> int | None:
        if length is None:
            return None
        if self.padding == "same":
            return -(-length // self.strides[axis])
        return (length - self.size[axis]) // self.strides[axis] + 1

    def _pads(self, axis: int, length: int) -> tuple[int, int]:
        outputs = self._output(axis, length)
        assert outputs is not None
        total = max((outputs - 1) * self.strides[axis] + self.size[axis] - length, 0)
        if self.padding == "valid":
            return 0, 0
        return total // 2, total - total // 2


def make_window(what: str, pool_size: Any, strides: Any, padding: Any) -> Window:
    """The window of the layer called `what`.

    Raises: UserError where a size isn't a whole number above 0, or the padding has another name.
    """
    size = pair(what, "pool_size", pool_size)
    if padding not in PADDINGS:
        raise UserError(f"{what} has padding {padding!r}", hint="padding is 'valid' or 'same', as in Keras")
    return Window(size, size if strides is None else pair(what, "strides", strides), padding)


def pair(what: str, option: str, value: Any) -> tuple[int, int]:
    """(height, width) from one whole number or two. Raises: UserError."""
    values = (value, value) if isinstance(value, int) else tuple(value) if isinstance(value, list | tuple) else ()
    if len(values) != 2 or not all(isinstance(one, int) and one >= 1 for one in values):
        raise UserError(
            f"{what} has {option}={value!r}", hint=f"{option} is a whole number above 0, or two: (height, width)"
        )
    return values
