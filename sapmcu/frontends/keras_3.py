# SPDX-License-Identifier: Apache-2.0
"""A Keras file as a model of Keras 3 that can be rewritten and trained further. Runs in the process of isolated.py."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from sapmcu.errors import UserError
from sapmcu.frontends.converted import import_extra
from sapmcu.frontends.keras import load_model, read_header
from sapmcu.frontends.source import detect_format
from sapmcu.ir.source import ModelFormat

KERAS_FORMATS = (ModelFormat.KERAS, ModelFormat.KERAS_H5)


def load_keras_3(path: Path) -> Any:
    """Load a .h5 or .keras file of Keras 3 or 2, without its training configuration.

    Raises: UserError where it is no such file, holds code, or uses what Keras 3 doesn't have.
    """
    found = detect_format(path)
    if found not in KERAS_FORMATS:
        raise UserError(
            f"{path} is no Keras model (it is {found.value}), and only those can be rewritten",
            hint="give the .keras or .h5 file that training saved",
        )
    header = read_header(str(path))
    if header.keras_version.startswith("3"):
        return load_model(import_extra("keras", "keras"), str(path))
    with tempfile.TemporaryDirectory(prefix="sapmcu-") as directory:
        copy = Path(directory, "model.h5")
        _write_for_keras_3(path, copy, is_archive=found is ModelFormat.KERAS)
        return load_model(import_extra("keras", "keras"), str(copy), shown=str(path))


def _write_for_keras_3(path: Path, copy: Path, *, is_archive: bool) -> None:
    """Keras 3 reads Keras 2's .h5 but for an option of DepthwiseConv2D that always was 1, and none of its .keras."""
    h5py = import_extra("h5py", "keras")
    if is_archive:
        model = load_model(import_extra("tf_keras", "keras"), str(path))
        model.save(copy)
    else:
        shutil.copyfile(path, copy)
    with h5py.File(copy, "r+") as file:
        text = file.attrs["model_config"]
        config = json.loads(text.decode() if isinstance(text, bytes) else text)
        file.attrs["model_config"] = json.dumps(without_groups(config))


def without_groups(config: Any) -> Any:
    """The configuration with `groups` taken out of every DepthwiseConv2D, at any depth."""
    if isinstance(config, list):
        return [without_groups(item) for item in config]
    if not isinstance(config, dict):
        return config
    made = {key: without_groups(item) for key, item in config.items()}
    if made.get("class_name") in ("DepthwiseConv2D", "DepthwiseConv1D") and isinstance(made.get("config"), dict):
        made["config"].pop("groups", None)
    return made
