# SPDX-License-Identifier: Apache-2.0
"""What self-attentive pooling costs in the form that convert gives it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sapmcu.layers.cost import PoolingCost, Sizes, peak, softmax_macs, softmax_steps
from sapmcu.layers.sap_checks import MAX_UNNORMALISED_GAIN
from sapmcu.layers.tokens import TokenGrid

if TYPE_CHECKING:
    from sapmcu.layers.self_attentive import SelfAttentivePooling2D


def local_size(local: str) -> int:
    """Side of the local term's filter, 0 where there is none."""
    return {"none": 0, "pointwise": 1}.get(local, 3)


def sap_cost(layer: SelfAttentivePooling2D, input_shape: Sequence[int | None]) -> PoolingCost:
    sizes = Sizes.of(layer.name, layer.window, input_shape)
    attention = _Attention(layer, layer.token_grid(sizes.size), sizes)
    parameters, macs = attention.parameters(), attention.macs()
    return PoolingCost(parameters, macs, sizes.x, sizes.y, attention.peak_bytes())


@dataclass(frozen=True, slots=True)
class _Attention:
    layer: SelfAttentivePooling2D
    grid: TokenGrid
    sizes: Sizes

    @property
    def width(self) -> int:
        return self.layer.width(self.sizes.channels)

    @property
    def local_taps(self) -> int:
        """MACs of the local term for each number of x."""
        return local_size(self.layer.local) ** 2 * (1 if self.layer.local == "depthwise" else self.sizes.channels)

    @property
    def is_gated(self) -> bool:
        """Whether the window's weights are a gate, not a softmax; see inference/windows.py."""
        return not self.layer.normalize or self.layer.gain <= MAX_UNNORMALISED_GAIN

    def parameters(self) -> int:
        d, c = self.width, self.sizes.channels
        patch = self.grid.patch[0] * self.grid.patch[1]
        position = sum(self.grid.shape) * d // 2 if self.layer.position == "learned" else 0
        local = self.local_taps * c + (4 * c if self.layer.local != "none" else 0)
        embedding = patch * c * d + d + 4 * d
        is_attention = self.layer.mixing == "attention"
        mixing = 4 * d * (d + 1) if is_attention else 2 * d * (d + 1) + (2 * d + 1) * d
        return embedding + position + mixing + (d + 1) * c + 4 * c + local

    def macs(self) -> int:
        d, c, n = self.width, self.sizes.channels, self.grid.tokens
        patch = self.grid.patch[0] * self.grid.patch[1]
        is_attention = self.layer.mixing == "attention"
        mixing = 3 * n * d * d + 2 * n * n * d + n * d * c if is_attention else 2 * n * d * (d + c)
        local = self.sizes.x * self.local_taps
        mixing += n * d * c if self.layer.residual else 0
        return n * d * patch * c + mixing + local + self.window_macs() + self.places_macs()

    def window_macs(self) -> int:
        """Of weighting and summing."""
        if not self.is_gated:
            return softmax_macs(self.sizes, self.layer.window)
        has_means = self.layer.strides[0] == self.layer.strides[1]
        return (3 if self.layer.normalize else 2) * self.sizes.spread if has_means else 0

    def places_macs(self) -> int:
        """Of the matrix that takes tokens to the windows' centres, where one is needed; see inference/attention.py."""
        if self.layer.attention != "gate":
            return 0
        shares = self.grid.shares_at(self.layer.window, self.layer.restoration)
        return 0 if self.grid.is_resized(shares, self.layer.restoration) else self.grid.tokens * self.sizes.y

    def peak_bytes(self) -> int:
        if self.layer.attention != "gate":
            return peak((*self.token_steps(self.sizes.x), *self.enlarging_steps(), *self.window_steps(0)))
        # Tokens can attend before x is pooled, while x waits, or after it, while they wait.
        before = (*self.token_steps(self.sizes.x), *self.window_steps(self.sizes.y))
        after = (*self.window_steps(self.grid.tokens * self.width), *self.token_steps(self.sizes.y))
        return min(peak((*before, *self.gating_steps())), peak((*after, *self.gating_steps())))

    def token_steps(self, other: int) -> Iterator[Sequence[int]]:
        """The tensors that live while each of the larger ops of attention runs. other: bytes that wait meanwhile."""
        tokens, head = self.grid.tokens * self.width, self.grid.tokens * self.width // self.layer.num_heads
        scores, found = self.grid.tokens**2, tokens - head  # found: by the other heads, when the last one runs
        yield (other, tokens, tokens)
        if self.layer.mixing == "pointwise":
            yield (other, tokens, 2 * tokens)
            return
        yield (other, tokens, found, head, head, scores)
        yield (other, tokens, found, scores, scores)

    def enlarging_steps(self) -> Iterator[Sequence[int]]:
        """Of bringing what attention finds to the pixels."""
        x, restored = self.sizes.x, self.grid.tokens * self.sizes.channels
        (rows, columns), (tall, wide) = self.grid.shape, self.grid.patch
        large = rows * tall * columns * wide * self.sizes.channels
        yield (x, restored, large)
        if large != x:
            yield (x, large, x)
        if self.layer.local != "none":
            yield (x, x, x, x)

    def gating_steps(self) -> Iterator[Sequence[int]]:
        """Of multiplying what is pooled."""
        y, restored = self.sizes.y, self.grid.tokens * self.sizes.channels
        yield (y, restored, y)
        yield (y, y, y)

    def window_steps(self, other: int) -> Iterator[Sequence[int]]:
        """Of weighting and summing."""
        x, y = self.sizes.x, self.sizes.y
        yield (x, x, x, other)
        if self.is_gated:
            yield (x, x, x, y if self.layer.normalize else 0, other)
        else:
            yield from ((*step, other) for step in softmax_steps(self.sizes, self.layer.window, other=x))
