# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from quiet_keras import keras

from sapmcu.layers import SelfAttentivePooling2D
from sapmcu.train.backend import load_backend
from sapmcu.train.fused_norm import fuse_normalizations


def _network(seed=3):
    keras.utils.set_random_seed(seed)
    image = keras.Input((8, 8, 3))
    x = keras.layers.BatchNormalization(momentum=0.8)(image)
    x = SelfAttentivePooling2D(2)(x)
    x = keras.layers.Flatten()(x)
    return keras.Model(image, keras.layers.BatchNormalization(momentum=0.8)(x))  # no map: stays Keras's


def _train_step(backend, model, x):
    """Its result, running statistics after it, gradients."""
    with backend.tf.GradientTape() as tape:
        y = model(x, training=True)
        loss = backend.tf.reduce_sum(y * y * y)
    return y, [*model.non_trainable_weights, *tape.gradient(loss, model.trainable_weights)]


def test_fused_normalization_is_that_of_keras():
    backend = load_backend()
    x = np.random.default_rng(1).normal(2, 3, (5, 8, 8, 3)).astype(np.float32)
    keras_own, fused = _network(), _network()
    fuse_normalizations(backend, fused)
    (y, found), (fused_y, fused_found) = (_train_step(backend, model, x) for model in (keras_own, fused))
    np.testing.assert_allclose(fused_y, y, atol=2e-4)
    for one, other in zip(fused_found, found, strict=True):
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=2e-3, atol=2e-4)
    assert any("FusedBatchNorm" in op.name for op in _ops(backend, fused))
    assert not any("FusedBatchNorm" in op.name for op in _ops(backend, keras_own))


def _ops(backend, model):
    step = backend.tf.function(lambda x: model(x, training=True))
    return step.get_concrete_function(backend.tf.TensorSpec((5, 8, 8, 3))).graph.get_operations()


@pytest.mark.parametrize("training", [False, None])
def test_inference_is_left_alone(training):
    backend, model = load_backend(), _network()
    x = np.random.default_rng(2).normal(size=(2, 8, 8, 3)).astype(np.float32)
    before = np.asarray(model(x, training=training))
    fuse_normalizations(backend, model)
    np.testing.assert_array_equal(np.asarray(model(x, training=training)), before)
