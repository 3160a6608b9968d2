# SPDX-License-Identifier: Apache-2.0
"""The wheel holds all that sapmcu needs: installed alone in a fresh environment, it converts from another directory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from reference_models import ROOT, reference_model


def run(*command: str | Path, cwd: Path) -> str:
    """Standard output; the test fails with both streams where the command does."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def sapmcu(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The console script of a fresh environment with the wheel and its core dependencies."""
    place = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", place, ROOT, cwd=place)
    (wheel,) = place.glob("sapmcu-*.whl")
    run(sys.executable, "-m", "venv", place / "env", cwd=place)
    run(place / "env/bin/pip", "install", "--quiet", "--disable-pip-version-check", wheel, cwd=place)
    return place / "env/bin/sapmcu"


def test_an_int8_model_is_converted_without_tensorflow(sapmcu: Path, tmp_path: Path) -> None:
    model = reference_model("tflm_hello_world_int8.tflite")
    run(sapmcu, "convert", model, "--board", "stm32h7", "-o", tmp_path / "out", cwd=tmp_path)
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert report["memory"]["macs"] == 220  # of 288: four filters are dead
    assert (tmp_path / "out/firmware/main.cc").exists()
    assert (tmp_path / "out/firmware/CMakeLists.txt").exists()
    run(sapmcu, "export", tmp_path / "out", "--as", "arduino", "-o", tmp_path / "library", cwd=tmp_path)
    assert (tmp_path / "library/library.properties").exists()


def test_the_networks_are_found(sapmcu: Path, tmp_path: Path) -> None:
    code = "from sapmcu.train import networks as n; print(n.networks_dir(), *map(n.load_network, n.network_names()))"
    assert "site-packages/sapmcu/networks <function" in run(sapmcu.parent / "python", "-c", code, cwd=tmp_path)


def test_boards_are_listed(sapmcu: Path, tmp_path: Path) -> None:
    assert "nucleo_h743zi2" in run(sapmcu, "boards", cwd=tmp_path)


def test_a_keras_model_without_tensorflow_says_what_to_install(sapmcu: Path, tmp_path: Path) -> None:
    model = reference_model("mlperf_ic_resnet.h5")
    done = subprocess.run(
        [sapmcu, "convert", model, "--board", "stm32h7"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert "pip install 'sapmcu[keras]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
