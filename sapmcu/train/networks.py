# SPDX-License-Identifier: Apache-2.0
"""Find a network's `build`: one that comes with sapmcu, or a user's own file.

sapmcu's own lie in models/networks beside the package in its source tree, inside the package when installed; either way
they import as sapmcu.networks.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from sapmcu.errors import UserError
from sapmcu.ir.graph import Array

SAPMCU = Path(__file__).resolve().parent.parent
PACKAGE = "sapmcu.networks"
SHARED = ("__init__", "stages")
"""Files of the directory that are no network."""

Build = Callable[..., Any]
"""(input_shape, num_classes, *, width, pooling, strides, placement, ...) -> the untrained Keras model."""


def networks_dir() -> Path:
    """The directory of sapmcu's own networks."""
    for directory in (SAPMCU / "networks", SAPMCU.parent / "models" / "networks"):
        if directory.is_dir():
            return directory
    raise FileNotFoundError(f"sapmcu is installed without its networks; looked beside and in {SAPMCU}")


def network_names() -> tuple[str, ...]:
    """Of sapmcu's own."""
    return tuple(sorted(path.stem for path in networks_dir().glob("*.py") if path.stem not in SHARED))


def load_network(name: str | Path) -> Build:
    """The `build` of a network by name, or of a .py file by path.

    Raises: UserError where there is none, or the file can't be run.
    """
    build = getattr(_load_module(name), "build", None)
    if not callable(build):
        raise UserError(
            f"{name} has no function `build`",
            hint="define build(input_shape, num_classes, *, width, pooling, strides, placement, pooling_options)",
        )
    return build  # type: ignore[no-any-return]


def is_detector(name: str | Path) -> bool:
    """Whether the network has `anchors`. Raises: UserError where there is no such network."""
    return callable(getattr(_load_module(name), "anchors", None))


def load_anchors(name: str | Path) -> Callable[[Any], Array]:
    """The `anchors` of a detector: a function of its model that gives float32 [anchors,4], as sapmcu.ir.detection says.

    Raises: UserError where there is no such network, or it is no detector.
    """
    anchors = getattr(_load_module(name), "anchors", None)
    if not callable(anchors):
        raise UserError(
            f"{name} is no detector: it has no function `anchors`",
            hint="choose ssdlite, or define anchors(model) in a file of yours",
        )
    return anchors  # type: ignore[no-any-return]


def _load_module(name: str | Path) -> ModuleType:
    _register_package()
    text = str(name)
    if text.endswith(".py"):
        return _run_file(Path(name))
    names = network_names()
    if text not in names:
        raise UserError(
            f"there is no network '{text}'", hint=f"give one of {', '.join(names)}, or a path to a .py with `build`"
        )
    return importlib.import_module(f"{PACKAGE}.{text}")


@cache
def _register_package() -> None:
    """Make sapmcu.networks importable in the source tree, too, for the networks and for users' files."""
    directory = networks_dir()
    spec = importlib.util.spec_from_file_location(
        PACKAGE, directory / "__init__.py", submodule_search_locations=[str(directory)]
    )
    assert spec is not None and spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)


def _run_file(path: Path) -> ModuleType:
    """A user's file as a module of its own name, which no other module has; run once, until it changes."""
    if not path.is_file():
        raise UserError(f"there is no file {path}", hint="give a path to a .py with `build`, or the name of a network")
    name = f"sapmcu_user_network_{_digest(path)}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[spec.name]
        raise UserError(
            f"{path} can't be run: {type(error).__name__}: {error}",
            hint="run it with Python to see more",
            details=[f"line {number}" for number in _lines_of(error, path)],
        ) from error
    return module


def _digest(path: Path) -> str:
    """Of place and text."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}", hint="check its permissions") from error
    return hashlib.sha256(str(path.resolve()).encode() + b"\0" + text).hexdigest()[:16]


def _lines_of(error: Exception, path: Path) -> list[int]:
    """The file's lines on the way to the error."""
    if isinstance(error, SyntaxError):
        return [error.lineno] if error.lineno and error.filename == str(path) else []
    frames = traceback.extract_tb(error.__traceback__)
    return [frame.lineno for frame in frames if frame.filename == str(path) and frame.lineno]
