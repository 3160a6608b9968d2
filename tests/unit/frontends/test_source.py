# SPDX-License-Identifier: Apache-2.0
"""Which format a file is, and what is said of a file that is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from reference_models import reference_model

from sapmcu.errors import UserError
from sapmcu.frontends.source import HDF5_MAGIC, detect_format, load_source
from sapmcu.ir.source import ModelFormat

ZIP = b"PK\x03\x04rest"
TFLITE = b"\x1c\x00\x00\x00TFL3rest"


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("m.h5", HDF5_MAGIC, ModelFormat.KERAS_H5),
        ("m.hdf5", HDF5_MAGIC, ModelFormat.KERAS_H5),
        ("m.keras", ZIP, ModelFormat.KERAS),
        ("m.keras", HDF5_MAGIC, ModelFormat.KERAS_H5),  # Keras 2 wrote HDF5 under any name
        ("m.KERAS", ZIP, ModelFormat.KERAS),
        ("m.tflite", TFLITE, ModelFormat.TFLITE),
        ("m.lite", TFLITE, ModelFormat.TFLITE),
        ("m.onnx", b"\x08\x08", ModelFormat.ONNX),
    ],
)
def test_format_is_told_by_content_then_by_name(
    tmp_path: Path, name: str, content: bytes, expected: ModelFormat
) -> None:
    assert detect_format(written(tmp_path / name, content)) is expected


@pytest.mark.parametrize(
    ("name", "content", "message", "hint"),
    [
        ("m.h5", b"", "is empty", "export"),
        ("m.h5", b"not hdf5", "is not an HDF5 file: it starts with b'not hdf5'", "copied whole"),
        ("m.h5", TFLITE, "is not an HDF5 file: it looks like a TFLite file", "its name ends"),
        ("m.keras", b"garbage", "is not a .keras archive", "copied whole"),
        ("m.tflite", HDF5_MAGIC, "is not a TFLite file: it looks like an HDF5 file", "its name ends"),
        ("m.onnx", ZIP, "is not an ONNX model: it looks like a .keras archive", "its name ends"),
        ("m.pth", b"whatever", "is of no format that sapmcu reads", "torch.onnx.export"),
        ("m.pb", b"whatever", "is of no format that sapmcu reads", "SavedModel directory"),
        ("m.txt", b"whatever", "is of no format that sapmcu reads", ".onnx"),
    ],
)
def test_wrong_content_is_named(tmp_path: Path, name: str, content: bytes, message: str, hint: str) -> None:
    with pytest.raises(UserError) as caught:
        detect_format(written(tmp_path / name, content))
    assert message in caught.value.message
    assert hint in str(caught.value.hint)


def test_absent_file_and_plain_directory_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        detect_format(tmp_path / "absent.h5")
    with pytest.raises(UserError, match=r"a directory without saved_model\.pb"):
        detect_format(tmp_path)


def test_int8_tflite_is_taken_as_it_is() -> None:
    path = reference_model("mlperf_kws_ref_model.tflite")
    source = load_source(path)
    assert source.format is ModelFormat.TFLITE
    assert source.tflite == path.read_bytes()
    (only,) = source.inputs
    assert (only.shape, only.dtype.value, only.is_channels_first) == ((1, 49, 10, 1), "int8", False)
