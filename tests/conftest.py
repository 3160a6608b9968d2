# SPDX-License-Identifier: Apache-2.0
"""What all tests share: where the reference models are, and what a test needs."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings
from reference_models import TFLITE_MODELS, ZOO_MODELS, reference_model

settings.register_profile("same-each-time", derandomize=True, deadline=None)
settings.load_profile("same-each-time")


def is_there(tool: str) -> bool:
    """A command on PATH, or a Python module."""
    return shutil.which(tool) is not None or (tool.isidentifier() and find_spec(tool) is not None)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A missing tool skips a test on a laptop and fails it on CI."""
    missing = [tool for marker in item.iter_markers("needs") for tool in marker.args if not is_there(tool)]
    if missing:
        outcome = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        outcome(f"needs {', '.join(missing)}")


@pytest.fixture(params=[*TFLITE_MODELS, *ZOO_MODELS])
def tflite_model(request: pytest.FixtureRequest) -> Path:
    """Each int8 model in turn: those made elsewhere, and those of models/."""
    return request.param if isinstance(request.param, Path) else reference_model(request.param)
