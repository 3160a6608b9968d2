# SPDX-License-Identifier: Apache-2.0
"""Self-attentive pooling (SAP)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from sapmcu.layers.cost import PoolingCost
from sapmcu.layers.pooling import BATCH_NORM_MOMENTUM, Pooling2D, average, slice_weights, weighted_mean
from sapmcu.layers.sap_checks import check_grid, check_options
from sapmcu.layers.sap_cost import local_size, sap_cost
from sapmcu.layers.tokens import TokenGrid, choose_patch, choose_patch_of_windows
from sapmcu.layers.window import pair

DEFAULT_WIDTH = 32
MAX_TOKENS = 256
PICKING_GAIN = 12.0
"""With which weights differ enough to pick one pixel of a window: e^12. Source: LIP, as in lip.py."""


@keras.saving.register_keras_serializable(package="sapmcu")
class SelfAttentivePooling2D(Pooling2D):
    """Means over each window, with weights that attention over the whole image finds.

    Patches of the image become tokens, tokens attend to each other, their values come back to the pixels as z, and
    the weights are exp(gain · σ(z)), for each channel its own.

    patch_size: pixels of a patch; unless said, the smallest with at most 64 tokens. num_heads, embed_dim: of the
    attention; embed_dim is even and divisible by num_heads, unless said the channels, 32 at most. normalize: divide by
    the sum of the window's weights; without it ("nowin"), y = mean(x · weights). restoration: nearest or bilinear.
    position: learned or none. local: what is added to z: a pointwise (1×1) convolution of x, a convolution (3×3),
    depthwise (3×3), or none. gain: 1 in the paper, 12 in LIP. max_tokens: more are refused.

    attention: what it decides. weights: z, as in the paper. gate: z is the local term alone, which picks within each
    window (gain 12 unless said), and the pooled value is multiplied by 2σ(a), where a is what attention finds for the
    window's centre; patches are whole windows then, and nothing is enlarged to the size of x. Training starts from
    average pooling.

    mixing: attention, or pointwise, the control without it: two layers of about as many weights see each token alone.
    residual: add each token to what is found for it; not in the paper.

    Source: Chen, Datta, Kundu, Beerel, "Self-Attentive Pooling for Efficient Deep Learning", WACV 2023. There the
    tokens' values are enlarged before the 1×1 convolution that restores the channels; the two commute, and after it
    is cheaper.
    """

    needs_size = True

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        *,
        patch_size: Any = None,
        num_heads: int = 2,
        embed_dim: int | None = None,
        normalize: bool = True,
        restoration: str = "bilinear",
        position: str = "learned",
        local: str | None = "convolution",
        attention: str = "gate",
        mixing: str = "attention",
        residual: bool = True,
        gain: float | None = None,
        max_tokens: int = MAX_TOKENS,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, **kwargs)
        self.patch_size = None if patch_size is None else pair(self.name, "patch_size", patch_size)
        self.num_heads, self.embed_dim, self.max_tokens = num_heads, embed_dim, max_tokens
        self.attention, self.mixing, self.residual, self.normalize = attention, mixing, residual, normalize
        self.gain = float((PICKING_GAIN if attention == "gate" and normalize else 1.0) if gain is None else gain)
        self.restoration, self.position, self.local = restoration, position, local or "none"
        check_options(self)
        part: dict[str, Any] = {"dtype": self.dtype_policy}
        self.embedding_norm = _norm("embedding_norm", **part)
        # A gate is 1 and weighs all pixels alike at first: training starts from average pooling.
        part["gamma_initializer"] = "zeros" if attention == "gate" else "ones"
        self.restoring_norm = _norm("restoring_norm", **part)
        self.local_norm = None if self.local == "none" else _norm("local_norm", **part)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Raises: UserError for a grid of too many tokens, or weights that can't differ within a window."""
        super().build(input_shape)
        height, width, channels = (length or 0 for length in input_shape[1:])
        self.grid = self.token_grid((height, width))
        check_grid(self)
        self.patch_size = self.grid.patch
        self.embed_dim = self.width(channels)
        self._build_attention(channels)
        self._build_local(channels)
        places = self.window if self.attention == "gate" else None
        shares = [self.grid.restoring(axis, self.restoration, places) for axis in (0, 1)]
        self.row_shares, self.column_shares = (share.astype("float32") for share in shares)

    def token_grid(self, size: tuple[int, int]) -> TokenGrid:
        """The grid on an image of this size."""
        if self.patch_size is not None:
            return TokenGrid(size, self.patch_size)
        if self.attention == "gate":
            return TokenGrid(size, choose_patch_of_windows(size, self.window))
        return TokenGrid(size, choose_patch(size, self.window, self.restoration, self.may_be_flat))

    @property
    def may_be_flat(self) -> bool:
        """Whether the attention term may be constant in each window without making this an average pool."""
        return self.local != "none" or not self.normalize

    def width(self, channels: int) -> int:
        """embed_dim, by default as many as channels but at most 32, rounded up to what heads and position need."""
        step = math.lcm(2, self.num_heads)
        return self.embed_dim or -(-min(channels, DEFAULT_WIDTH) // step) * step

    def _build_attention(self, channels: int) -> None:
        (rows, columns), width = self.grid.shape, self.embed_dim
        assert width is not None
        part = {"dtype": self.dtype_policy}
        self.embedding = keras.layers.Conv2D(width, self.grid.patch, self.grid.patch, "same", name="embedding", **part)
        self.embedding.build((None, *self.grid.size, channels))
        self.embedding_norm.build((None, rows, columns, width))
        if self.position == "learned":
            near_zero = keras.initializers.RandomNormal(stddev=0.02)
            self.row_position = self.add_weight((rows, width // 2), near_zero, name="row_position")
            self.column_position = self.add_weight((columns, width // 2), near_zero, name="column_position")
        self._build_mixing(width, part)
        self.restoring = keras.layers.Dense(channels, name="restoring", **part)
        self.restoring.build((None, rows, columns, width))
        self.restoring_norm.build((None, rows, columns, channels))

    def _build_mixing(self, width: int, part: dict[str, Any]) -> None:
        if self.mixing == "pointwise":
            self.hidden = keras.layers.Dense(2 * width, "relu", name="hidden", **part)
            self.hidden.build((None, *self.grid.shape, width))
        else:
            self.queries_keys_values = keras.layers.Dense(3 * width, name="queries_keys_values", **part)
            self.queries_keys_values.build((None, self.grid.tokens, width))
        self.projection = keras.layers.Dense(width, name="projection", **part)
        self.projection.build((None, *self.grid.shape, 2 * width if self.mixing == "pointwise" else width))

    def _build_local(self, channels: int) -> None:
        if self.local_norm is None:
            return
        part = {"use_bias": False, "name": "local", "dtype": self.dtype_policy}
        if self.local == "depthwise":
            self.local_conv = keras.layers.DepthwiseConv2D(3, padding="same", **part)
        else:
            self.local_conv = keras.layers.Conv2D(channels, local_size(self.local), padding="same", **part)
        self.local_conv.build((None, *self.grid.size, channels))
        self.local_norm.build((None, *self.grid.size, channels))

    def call(self, x: Any, training: bool | None = None) -> Any:
        if self.attention == "gate":
            pooled = self.pool(x, self.local_term(x, training))
            y = pooled * 2 * ops.sigmoid(ops.cast(self.attention_term(x, training), "float32"))
        else:
            y = self.pool(x, self.logits(x, training))
        return ops.cast(y, self.compute_dtype)

    def logits(self, x: Any, training: bool | None = None) -> Any:
        """[N,H,W,C] -> z [N,H,W,C]."""
        z = self.attention_term(x, training)
        return z if self.local_norm is None else z + self.local_term(x, training)

    def local_term(self, x: Any, training: bool | None = None) -> Any:
        """[N,H,W,C] -> the same shape."""
        assert self.local_norm is not None
        return self.local_norm(self.local_conv(x), training=training)

    def attention_term(self, x: Any, training: bool | None = None) -> Any:
        """[N,H,W,C] -> what tokens find, of the size of the image, or of the result where it is a gate."""
        return self.enlarge(self.restore(self.attend(self.tokens(x, training)), training))

    def tokens(self, x: Any, training: bool | None = None) -> Any:
        """[N,H,W,C] -> [N,rows,columns,d]."""
        tokens = ops.relu(self.embedding_norm(self.embedding(x), training=training))
        if self.position == "none":
            return tokens
        return tokens + ops.cast(self.position_table(), self.compute_dtype)

    def position_table(self) -> Any:
        """[rows,columns,d]: d/2 numbers by the row, d/2 by the column."""
        (rows, columns), half = self.grid.shape, (self.embed_dim or 0) // 2
        by_row = ops.broadcast_to(self.row_position[:, None], (rows, columns, half))
        by_column = ops.broadcast_to(self.column_position[None], (rows, columns, half))
        return ops.concatenate([by_row, by_column], axis=-1)

    def attend(self, tokens: Any) -> Any:
        """[N,rows,columns,d] -> the same shape: what is found for each token, and the token itself where residual."""
        found = self.projection(self.hidden(tokens) if self.mixing == "pointwise" else self.mix(tokens))
        return tokens + found if self.residual else found

    def mix(self, tokens: Any) -> Any:
        """[N,rows,columns,d] -> the same shape; multi-head self-attention before its output projection."""
        width, heads = self.embed_dim or 0, self.num_heads
        shape = (-1, self.grid.tokens, 3, heads, width // heads)
        mixed = ops.reshape(self.queries_keys_values(ops.reshape(tokens, (-1, self.grid.tokens, width))), shape)
        queries, keys, values = (ops.transpose(mixed[:, :, one], (0, 2, 1, 3)) for one in range(3))
        scores = ops.matmul(queries, ops.transpose(keys, (0, 1, 3, 2))) / math.sqrt(width // heads)
        scores = ops.cast(scores, "float32")  # not ops.softmax, which warns where there is one token
        attention = ops.cast(ops.exp(scores - ops.logsumexp(scores, axis=-1, keepdims=True)), values.dtype)
        found = ops.transpose(ops.matmul(attention, values), (0, 2, 1, 3))
        return ops.reshape(found, (-1, *self.grid.shape, width))

    def restore(self, tokens: Any, training: bool | None = None) -> Any:
        """[N,rows,columns,d] -> [N,rows,columns,C]."""
        return self.restoring_norm(self.restoring(tokens), training=training)

    def enlarge(self, tokens: Any) -> Any:
        """[N,rows,columns,C] -> [N,H,W,C], where it is a gate [N,H',W',C]."""
        tall = ops.einsum("hr,nrqc->nhqc", ops.cast(self.row_shares, tokens.dtype), tokens)
        return ops.einsum("wq,nhqc->nhwc", ops.cast(self.column_shares, tokens.dtype), tall)

    def pool(self, x: Any, z: Any) -> Any:
        """Σ w·x over each window, w = exp(gain · σ(z)); in float32."""
        weights = ops.exp(self.gain * ops.sigmoid(ops.cast(z, "float32")))
        if self.normalize:
            return weighted_mean(x, weights, self.window)
        return average(ops.cast(x, "float32") * weights, self.window)

    def get_config(self) -> dict[str, Any]:
        options = ("patch_size", "num_heads", "embed_dim", "normalize", "restoration", "position", "local")
        more = ("attention", "mixing", "residual", "gain", "max_tokens")
        return {**super().get_config(), **{one: getattr(self, one) for one in (*options, *more)}}

    def cost(self, input_shape: Sequence[int | None]) -> PoolingCost:
        return sap_cost(self, input_shape)

    def pruned(self, kept: Sequence[int]) -> tuple[dict[str, Any], list[Any]]:
        axes: dict[int, tuple[int, ...]] = {id(self.embedding.kernel): (2,), id(self.restoring.kernel): (1,)}
        axes |= {id(one): (0,) for one in (self.restoring.bias, *self.restoring_norm.weights)}
        if self.local_norm is not None:
            axes[id(self.local_conv.kernel)] = (2,) if self.local == "depthwise" else (2, 3)
            axes |= {id(one): (0,) for one in self.local_norm.weights}
        return self.get_config(), slice_weights(self, axes, kept)


def _norm(name: str, **options: Any) -> Any:
    return keras.layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=name, **options)
