# SPDX-License-Identifier: Apache-2.0
"""Small Keras networks with every structure that channels pass through, and channels made to have no effect."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from quiet_keras import keras, layers

from sapmcu.train.prune.graph import ChannelGraph

SIZE = (8, 8, 3)


def conv(x: Any, filters: int, name: str, *, size: int = 3, stride: int = 1, relu: bool = True) -> Any:
    """Convolution without bias, batch norm, ReLU."""
    x = keras.layers.Conv2D(filters, size, stride, padding="same", use_bias=False, name=name)(x)
    x = keras.layers.BatchNormalization(name=f"{name}_norm")(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x) if relu else x


def classified(inputs: Any, x: Any) -> Any:
    x = keras.layers.GlobalAveragePooling2D(name="mean")(x)
    return keras.Model(inputs, keras.layers.Dense(5, activation="softmax", name="classes")(x), name="net")


def residual() -> Any:
    """A block with the identity, and one with a strided 1×1 convolution, as shortcut."""
    inputs = keras.Input(SIZE, name="image")
    x = conv(inputs, 8, "stem")
    y = conv(conv(x, 8, "a1"), 8, "a2", relu=False)
    x = keras.layers.ReLU(name="a")(keras.layers.Add(name="a_add")([x, y]))
    y = conv(conv(x, 16, "b1", stride=2), 16, "b2", relu=False)
    short = keras.layers.Conv2D(16, 1, 2, name="short")(x)
    return classified(inputs, keras.layers.ReLU(name="b")(keras.layers.Add(name="b_add")([short, y])))


def inverted_residual() -> Any:
    """MobileNetV2's block: expand, depthwise, project, and the sum."""
    inputs = keras.Input(SIZE, name="image")
    x = conv(inputs, 8, "stem")
    y = conv(x, 24, "expand", size=1)
    y = keras.layers.DepthwiseConv2D(3, padding="same", name="depthwise")(y)
    y = keras.layers.ReLU(6.0, name="depthwise_relu")(keras.layers.BatchNormalization(name="depthwise_norm")(y))
    y = conv(y, 8, "project", size=1, relu=False)
    return classified(inputs, keras.layers.Add(name="add")([x, y]))


def concatenated() -> Any:
    """Two branches side by side, normalized together, added to a third."""
    inputs = keras.Input(SIZE, name="image")
    x = keras.layers.Concatenate(name="both")([conv(inputs, 6, "left"), conv(inputs, 10, "right", size=1)])
    x = keras.layers.ReLU(name="relu")(keras.layers.BatchNormalization(name="both_norm")(x))
    return classified(inputs, keras.layers.Add(name="add")([x, conv(inputs, 16, "third")]))


def flat() -> Any:
    """Dense layers behind Flatten and Reshape."""
    inputs = keras.Input(SIZE, name="image")
    x = keras.layers.MaxPooling2D(2, name="max")(conv(inputs, 8, "stem"))
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(32, activation="relu", name="hidden")(x)
    x = keras.layers.Reshape((2, 2, 8), name="image_again")(x)
    x = keras.layers.Reshape((2, 16), name="pairs")(conv(x, 8, "late"))
    x = keras.layers.Flatten(name="flatten_again")(keras.layers.Dense(6, name="each")(x))
    return keras.Model(inputs, keras.layers.Dense(5, name="classes")(x), name="net")


def gated() -> Any:
    """Squeeze and excitation, a bare sum, PReLU, separable and transposed convolutions."""
    inputs = keras.Input(SIZE, name="image")
    x = conv(inputs, 8, "stem")
    s = keras.layers.Reshape((1, 1, 8), name="squeezed")(keras.layers.GlobalAveragePooling2D(name="squeeze")(x))
    s = keras.layers.Conv2D(4, 1, activation="relu", name="reduce")(s)
    s = keras.layers.Conv2D(8, 1, activation="sigmoid", name="excite")(s)
    x = keras.layers.PReLU(shared_axes=[1, 2], name="prelu")(keras.layers.Multiply(name="gate")([x, s])) * 0.5
    y = keras.layers.SeparableConv2D(8, 3, padding="same", depth_multiplier=2, name="separable")(x)
    x = keras.layers.DepthwiseConv2D(3, depth_multiplier=2, name="doubled")(x + y)
    return classified(inputs, keras.layers.Conv2DTranspose(6, 2, 2, name="up")(keras.layers.ReLU(name="relu")(x)))


def nested() -> Any:
    """A Sequential inside a functional model, called twice: its layers are shared."""
    convolution = keras.layers.Conv2D(8, 3, padding="same", name="conv")
    shared = keras.Sequential([keras.Input((8, 8, 8)), convolution], name="inner")
    shared.add(keras.layers.BatchNormalization(name="norm"))
    shared.add(keras.layers.ReLU(name="relu"))
    inputs = keras.Input(SIZE, name="image")
    return classified(inputs, shared(shared(conv(inputs, 8, "conv"))))


def pooled(kind: str) -> Callable[[], Any]:
    """One of our poolings between two convolutions."""

    def build() -> Any:
        inputs = keras.Input((16, 16, 3), name="image")
        x = layers.make_pooling(kind, 2, name="pool")(conv(inputs, 8, "stem"))
        return classified(inputs, conv(x, 8, "next"))

    return build


NETS: Mapping[str, Callable[[], Any]] = {
    "residual": residual,
    "inverted_residual": inverted_residual,
    "concatenated": concatenated,
    "flat": flat,
    "gated": gated,
    "nested": nested,
    **{kind: pooled(kind) for kind in layers.POOLINGS},
}


def randomized(model: Any) -> Any:
    """With random weights, of batch norms too: a fresh one would do nothing."""
    rng = np.random.default_rng(0)
    for layer in model._flatten_layers(include_self=False):
        if layer._layers:
            continue
        drawn = [rng.normal(0.1, 0.5, one.shape).astype(np.float32) for one in layer.get_weights()]
        if isinstance(layer, keras.layers.BatchNormalization):
            drawn[-1] = np.abs(drawn[-1]) + 0.5
        layer.set_weights(drawn)
    return model


def images(model: Any) -> np.ndarray[Any, Any]:
    return np.random.default_rng(1).random((4, *model.input_shape[1:]), np.float32)


def outputs(model: Any, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.asarray(model(x, training=False))


def silence(graph: ChannelGraph, removed: Sequence[int], deaf: Sequence[str] = ()) -> None:
    """Make the removed channels 0 wherever they are: filters, biases, γ and β.

    deaf: convolutions whose filters are 0 for them, too.
    """
    is_gone = ~graph.kept(removed)
    for call in graph.network.calls:
        layer = call.layer
        gone = is_gone[graph.roots[call.outputs[0].index]]
        if call.name in deaf:
            kernel = np.array(layer.kernel)
            kernel[:, :, is_gone[graph.roots[call.inputs[0].index]]] = 0
            layer.kernel.assign(kernel)
        if isinstance(layer, keras.layers.BatchNormalization):
            _zero((layer.gamma, layer.beta), gone)
        elif isinstance(layer, layers.StridedConvPooling2D):
            _zero(layer.weights, gone)
        elif isinstance(layer, keras.layers.DepthwiseConv2D):
            _zero(() if layer.bias is None else (layer.bias,), gone)
        elif isinstance(layer, keras.layers.SeparableConv2D):
            _zero((layer.pointwise_kernel, layer.bias), gone)
        elif isinstance(layer, keras.layers.Conv2DTranspose):
            kernel = np.array(layer.kernel)
            kernel[:, :, gone] = 0
            layer.kernel.assign(kernel)
            _zero((layer.bias,), gone)
        elif call.name in graph.produced:
            _zero(layer.weights, gone)


def _zero(variables: Sequence[Any], gone: np.ndarray[Any, Any]) -> None:
    for variable in variables:
        value = np.array(variable)
        value[..., gone] = 0
        variable.assign(value)
