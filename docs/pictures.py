# SPDX-License-Identifier: Apache-2.0
"""Make the pictures of the documentation: python docs/pictures.py. Needs chromium."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "pictures"
MODEL = ROOT / "models" / "fashion_mnist" / "dscnn.tflite"
WIDTH, HEIGHT = 1100, 1900
"""Of report.html's window, in pixels: down to the memory of both engines."""


def run(command: Sequence[str | Path]) -> None:
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main() -> None:
    browser = shutil.which("chromium")
    if browser is None:
        raise SystemExit("error: no chromium found\nhint: apt-get install chromium")
    with tempfile.TemporaryDirectory() as directory:
        project, picture = Path(directory) / "project", Path(directory) / "report.png"
        sapmcu = (sys.executable, "-m", "sapmcu")
        run((*sapmcu, "convert", MODEL, "--board", "nucleo_f446re", "--pareto", "-o", project))
        options = (
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--user-data-dir={directory}/profile",
        )
        page = (project / "report.html").as_uri()
        run((browser, *options, f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={picture}", page))
        OUT.mkdir(exist_ok=True)
        with Image.open(picture) as image:
            image.convert("P", palette=Image.Palette.ADAPTIVE, colors=128).save(OUT / "report.png", optimize=True)


if __name__ == "__main__":
    main()
