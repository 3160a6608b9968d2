# SPDX-License-Identifier: Apache-2.0
"""Add the decoder of a detector's boxes to a project that convert wrote."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from sapmcu import __version__
from sapmcu.build.project import load_project, model_name
from sapmcu.emit.detector import emit_detector
from sapmcu.emit.directory import write_files
from sapmcu.emit.origin import Origin
from sapmcu.errors import UserError
from sapmcu.frontends.tflite import load_tflite
from sapmcu.ir.build import Engine
from sapmcu.ir.detection import DecoderOptions
from sapmcu.ir.firmware import FILE_NAMES
from sapmcu.ir.graph import Array

MODEL = "model.tflite"


def add_detector(project: Path, anchors: Path, options: DecoderOptions, command: str) -> list[Path]:
    """Write the tables and the decoder into PROJECT/firmware and name them in build.json; returns what was written.

    anchors: a .npy, float [anchors,4]. Raises: UserError; nothing is written then.
    """
    firmware = project / "firmware"
    before = load_project(firmware)
    graph = load_tflite(project / MODEL)
    name = model_name(before, project)
    files = emit_detector(replace(graph, name=name), _load_anchors(anchors), options, Origin(__version__, command))
    more = [one for one in files if one.endswith(".c") and one not in before.sources]
    files[FILE_NAMES[Engine.NATIVE]] = replace(before, sources=(*before.sources, *more)).to_json()
    write_files(firmware, files)
    return [firmware / path for path in files]


def _load_anchors(path: Path) -> Array:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(
            f"{path} can't be read as a .npy: {error}", hint="np.save('anchors.npy', load_anchors('ssdlite')(model))"
        ) from error
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
        raise UserError(f"{path} doesn't hold one array of floats", hint="give the anchors as float32 [anchors,4]")
    return array
