# SPDX-License-Identifier: Apache-2.0
"""The kernels for this host, compiled once a session."""

from __future__ import annotations

from pathlib import Path

import pytest
from native_data.host import build_kernels


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_kernels(tmp_path_factory.mktemp("kernels"))
