# SPDX-License-Identifier: Apache-2.0
"""Keras on TensorFlow in this process: quiet, reproducible."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from sapmcu.errors import ToolError

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}


@dataclass(frozen=True)
class Backend:
    """The two modules; untyped, as they are."""

    tf: Any
    keras: Any


def load_backend(threads: int = 0) -> Backend:
    """Import TensorFlow and Keras, with sapmcu's layers registered and ops that give the same bits each time.

    threads: for one op; 0 for as many as there are processors. What it is called with first holds for the process.
    Raises: ToolError where they aren't installed.
    """
    for key, value in QUIET.items():
        os.environ.setdefault(key, value)
    os.environ.pop("TF_USE_LEGACY_KERAS", None)
    try:
        with warnings.catch_warnings(), silent_stderr():
            warnings.simplefilter("ignore")
            import keras
            import tensorflow as tf

            import sapmcu.layers  # noqa: F401  # registers them
    except ImportError as error:
        raise ToolError(
            "training needs TensorFlow, which is not installed", hint="pip install 'sapmcu[keras]'", output=str(error)
        ) from error
    tf.get_logger().setLevel("ERROR")
    with suppress(RuntimeError):  # TensorFlow has started already
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1 if threads else 0)
    tf.config.experimental.enable_op_determinism()
    return Backend(tf, keras)


def processors() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def silent_stderr() -> Iterator[None]:
    """TensorFlow's C++ talks while it is loaded, before it heeds TF_CPP_MIN_LOG_LEVEL."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
