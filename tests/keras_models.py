# SPDX-License-Identifier: Apache-2.0
"""Tiny models in all of TensorFlow's file formats, written once by a process of its own: TensorFlow warns on import."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

INPUT_SHAPE = (8, 8, 3)
SAMPLES = 20


@cache
def keras_models() -> Path:
    """The directory with the files that main() writes, for the life of this process."""
    keep_alive.append(tempfile.TemporaryDirectory(prefix="sapmcu-keras-models-"))
    directory = Path(keep_alive[-1].name)
    subprocess.run([sys.executable, __file__, directory], check=True, capture_output=True, timeout=300)
    return directory


keep_alive: list[tempfile.TemporaryDirectory[str]] = []


def classifier(keras: Any) -> Any:
    """Depthwise (Keras 2's doesn't load in Keras 3), Reshape and Flatten (both read the batch where it is open)."""
    layers = keras.layers
    x = inputs = keras.Input(INPUT_SHAPE, name="pic")
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(x)
    x = layers.DepthwiseConv2D(3, padding="same", name="second")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.ReLU(name="third")(x)
    x = layers.Reshape((32, 8), name="reshape")(x)
    x = layers.Flatten(name="flat")(x)
    return keras.Model(inputs, layers.Dense(5, activation="softmax", name="classes")(x), name="tiny")


def two_by_two(keras: Any) -> Any:
    """Two inputs and two outputs, their names not in alphabetical order."""
    wide, narrow = keras.Input((6,), name="wide"), keras.Input((3,), name="narrow")
    total = keras.layers.Dense(3, name="total")(wide)
    joined = keras.layers.Add(name="joined")([total, narrow])
    return keras.Model([wide, narrow], [joined, keras.layers.Dense(2, name="also")(joined)], name="two")


def sequence(keras: Any, *layers: Any, shape: tuple[int | None, ...] = INPUT_SHAPE) -> Any:
    return keras.Sequential([keras.Input(shape, name="pic"), *layers], name="tiny")


def write_models(out: Path, keras: Any, version: int, inputs: np.ndarray[Any, Any]) -> Any:
    """What both versions of Keras write."""
    model = classifier(keras)
    model.save(out / f"k{version}.h5")
    model.save(out / f"k{version}.keras")
    if version == 3:
        model.export(out / "k3_saved_model", verbose=False)
    else:
        model.save(out / "k2_saved_model")
    np.save(out / f"k{version}.npy", np.asarray(model(inputs)))
    code = sequence(keras, keras.layers.Lambda(lambda x: x * 2, name="doubled"))
    code.save(out / f"lambda{version}.h5")
    code.save(out / f"lambda{version}.keras")
    return model


def write_quantized(out: Path, tf: Any, model: Any, inputs: np.ndarray[Any, Any]) -> None:
    """What the public converter makes of a model, in three ways."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    (out / "dynamic_range.tflite").write_bytes(converter.convert())
    converter = tf.lite.TFLiteConverter.from_saved_model(str(out / "k3_batch_1"))
    (out / "float.tflite").write_bytes(converter.convert())
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([one[None]] for one in inputs)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    (out / "float_sides.tflite").write_bytes(converter.convert())
    converter.inference_input_type = converter.inference_output_type = tf.int8
    (out / "int8.tflite").write_bytes(converter.convert())


def main(out: Path) -> None:
    warnings.simplefilter("ignore")
    import keras
    import tensorflow as tf
    import tf_keras

    inputs = np.random.default_rng(0).random((SAMPLES, *INPUT_SHAPE), np.float32)
    np.save(out / "inputs.npy", inputs)
    keras.utils.set_random_seed(0)
    model = write_models(out, keras, 3, inputs)
    write_models(out, tf_keras, 2, inputs)
    model.save_weights(out / "only.weights.h5")

    fixed = keras.export.ExportArchive()
    fixed.track(model)
    fixed.add_endpoint("serve", lambda x: model(x), [tf.TensorSpec((1, *INPUT_SHAPE), name="pic")])
    fixed.write_out(out / "k3_batch_1", verbose=False)
    write_quantized(out, tf, model, inputs)

    two = two_by_two(keras)
    two.save(out / "two.keras")
    wide, narrow = np.ones((1, 6), np.float32), np.arange(3, dtype=np.float32)[None]
    joined, also = two([wide, narrow])
    np.savez(out / "two.npz", wide=wide, narrow=narrow, joined=np.asarray(joined), also=np.asarray(also))

    sequence(keras, keras.layers.Conv2D(2, 3, name="c"), shape=(None, None, 3)).save(out / "dynamic.keras")
    curved = [
        keras.layers.Conv2D(4, 3, name="first"),
        keras.layers.ELU(name="curve"),
        keras.layers.Flatten(name="flat"),
    ]
    sequence(keras, *curved).save(out / "elu.keras")
    half = keras.DTypePolicy("mixed_float16")
    mixed = [keras.layers.Conv2D(4, 3, name="first", dtype=half), keras.layers.MaxPooling2D(2, name="pool", dtype=half)]
    sequence(keras, *mixed).save(out / "mixed.keras")

    @keras.saving.register_keras_serializable("somebody")
    class Own(keras.layers.Layer):  # type: ignore[misc,name-defined]
        def call(self, x: Any) -> Any:
            return x

    sequence(keras, Own(name="mine")).save(out / "own.keras")

    module = tf.Module()
    module.one = tf.function(lambda x: x, input_signature=[tf.TensorSpec((1, 4))])
    module.two = tf.function(lambda x: x, input_signature=[tf.TensorSpec((1, 4))])
    tf.saved_model.save(module, str(out / "two_signatures"), signatures={"one": module.one, "two": module.two})


if __name__ == "__main__":
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", TF_ENABLE_ONEDNN_OPTS="0")
    main(Path(sys.argv[1]))
