# SPDX-License-Identifier: Apache-2.0
"""Damaged models: a clean error or a valid result, never a traceback, a hang or a memory blow-up.

SAPMCU_FUZZ_CASES sets how many (`make fuzz` takes 50,000); the seed is fixed, so a case can be run again by its number.
"""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import numpy as np
import pytest
from reference_models import TFLITE_MODELS, reference_model

from sapmcu.emit.tflite import write_tflite
from sapmcu.errors import UserError
from sapmcu.execution import check_execution
from sapmcu.frontends.source import load_source
from sapmcu.frontends.tflite import read_tflite
from sapmcu.ir.graph import Graph
from sapmcu.ir.memory import Kernels
from sapmcu.pipeline import rewrite
from sapmcu.plan.memory import plan_memory
from sapmcu.plan.tflm import target_for
from sapmcu.run.tflm_host import TflmError
from sapmcu.run.vectors import make_inputs

CASES = int(os.environ.get("SAPMCU_FUZZ_CASES", "2000"))
SECONDS_A_CASE = 20
MEGABYTES_MORE = 600
EXECUTE_EVERY = 4
"""A valid model is run through TFLM and the reference this often."""
WORDS = (0, 1, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def mutate(data: bytes, other: bytes, random: np.random.Generator) -> bytes:
    """Flip, overwrite words, truncate, cut out, splice in from another model."""
    damaged = bytearray(data)
    for _ in range(int(random.integers(1, 4))):
        at = int(random.integers(0, len(damaged)))
        if random.random() < 0.5:  # tables lie before and behind the constants: most bytes of a model are filters
            at = min(at, int(random.integers(0, 4000))) if random.random() < 0.5 else len(damaged) - 1 - at % 8000
            at = max(at, 0)
        kind = int(random.integers(0, 7))
        if kind <= 2:
            damaged[at] ^= 1 << int(random.integers(0, 8))
        elif kind == 3:
            word = int(random.choice(WORDS))
            damaged[at : at + 4] = word.to_bytes(4, "little")
        elif kind == 4:
            del damaged[at : at + int(random.integers(1, 64))]
        elif kind == 5:
            start = int(random.integers(0, len(other)))
            damaged[at : at + 32] = other[start : start + 32]
        else:
            del damaged[max(at, 16) :]
    return bytes(damaged)


@contextmanager
def time_limit(case: int) -> Iterator[None]:
    def late(_signal: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"case {case} took over {SECONDS_A_CASE} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS_A_CASE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def use(data: bytes, *, execute: bool) -> Graph:
    """What convert and memory do with an int8 model. Raises: UserError."""
    graph, _ = rewrite(read_tflite(data, "fuzzed"))
    model = write_tflite(graph)
    assert read_tflite(model, "fuzzed") == graph
    plan_memory(graph, len(model), target_for(Kernels.CMSIS_NN))
    if execute:
        check_execution(None, model, graph, make_inputs(graph, (), 2))
    return graph


@pytest.mark.parametrize("part", range(4))
def test_damaged_models_are_refused_or_run(part: int) -> None:
    originals = [reference_model(name).read_bytes() for name in TFLITE_MODELS]
    memory_before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused = valid = 0
    for case in range(part, CASES, 4):
        random = np.random.default_rng(case)
        data = originals[case // 4 % len(originals)]
        damaged = mutate(data, originals[int(random.integers(0, len(originals)))], random)
        with time_limit(case):
            try:
                use(damaged, execute=case // 4 % EXECUTE_EVERY == 0)
                valid += 1
            except TflmError:
                valid += 1
            except UserError as error:
                refused += 1
                assert error.message and "\n" not in error.message, (case, error.message)
            except BaseException as error:
                raise AssertionError(f"case {case}: {type(error).__name__}: {error}") from error
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory_before) / 1024
    assert grown < MEGABYTES_MORE, f"memory grew by {grown:.0f} MB"
    assert refused > 0
    assert valid > 0


@pytest.mark.needs("tensorflow", "onnx2tf")
@pytest.mark.parametrize("name", ["mlperf_ic_resnet.h5", "onnx2c_mnist.onnx"])
def test_damaged_keras_and_onnx_models_are_refused_or_read(name: str, tmp_path: Path) -> None:
    """Fewer: each goes through TensorFlow. The header, where most of the structure lies, is hit more often."""
    data = reference_model(name).read_bytes()
    path = tmp_path / name
    refused = 0
    for case in range(max(CASES // 250, 1)):
        random = np.random.default_rng(case)
        path.write_bytes(mutate(data, data[::-1], random))
        try:
            load_source(path)
        except UserError as error:
            refused += 1
            assert error.message and "\n" not in error.message, (case, error.message)
        except BaseException as error:
            raise AssertionError(f"case {case}: {type(error).__name__}: {error}") from error
    assert refused > 0
