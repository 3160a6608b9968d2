# SPDX-License-Identifier: Apache-2.0
"""Networks are found by name, or by path where they are a user's own. Imports no TensorFlow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sapmcu.errors import UserError
from sapmcu.train.networks import is_detector, load_anchors, load_network, network_names


def written(tmp_path: Path, text: str, name: str = "mine.py") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_each_name_has_a_build() -> None:
    assert {"mobilenet_v1", "mobilenet_v2", "resnet18", "resnet8"} <= set(network_names())
    assert all(callable(load_network(name)) for name in network_names())


def test_finding_a_network_imports_no_tensorflow() -> None:
    code = "import sys; from sapmcu.train.networks import *; load_network('resnet8'); assert 'keras' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_user_s_file_may_use_sapmcu_s_parts(tmp_path: Path) -> None:
    path = written(
        tmp_path, "from sapmcu.networks.stages import scaled\ndef build(shape, classes): return scaled(20, 1)"
    )
    assert load_network(path)((1, 1, 1), 2) == 24
    assert load_network(str(path))((1, 1, 1), 2) == 24


def test_files_of_the_same_name_are_two_networks(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    one = load_network(written(tmp_path, "def build(): return 1", "a/net.py"))
    other = load_network(written(tmp_path, "def build(): return 2", "net.py"))
    assert (one(), other()) == (1, 2)


def test_a_file_is_run_once_until_it_changes(tmp_path: Path) -> None:
    """So that `build` and `anchors` of a detector are of one module."""
    path = written(tmp_path, "def build(): return 1\nanchors = build")
    assert load_network(path) is load_anchors(path)
    assert is_detector(path)
    assert not is_detector(written(tmp_path, "def build(): return 2"))
    assert load_network(path)() == 2


@pytest.mark.parametrize("name", ["resnet9", "stages", "__init__", "../networks/resnet8", ""])
def test_an_unknown_name_lists_those_there_are(name: str) -> None:
    with pytest.raises(UserError) as error:
        load_network(name)
    assert error.value.message == f"there is no network '{name}'"
    assert all(known in str(error.value.hint) for known in network_names())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no file .*gone\.py"):
        load_network(tmp_path / "gone.py")


def test_a_file_without_build_is_told_what_to_define(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"mine\.py has no function `build`") as error:
        load_network(written(tmp_path, "build = 3"))
    assert "define build(input_shape" in str(error.value.hint)


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [("\nx = 1 / 0", "ZeroDivisionError", 2), ("def build(:", "SyntaxError", 1), ("\n\nimport no_such", "no_such", 3)],
)
def test_a_broken_file_gets_a_sentence_and_the_line(tmp_path: Path, text: str, what: str, line: int) -> None:
    with pytest.raises(UserError, match=what) as error:
        load_network(written(tmp_path, text))
    assert error.value.details == (f"line {line}",)
