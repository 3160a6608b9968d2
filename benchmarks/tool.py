# SPDX-License-Identifier: Apache-2.0
"""Time and peak memory of sapmcu's own commands, best of three runs: `make bench`."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODELS = Path(os.environ.get("SAPMCU_REFERENCE_MODELS", ROOT.parent / "shared" / "reference-models"))
SAPMCU = Path(sys.executable).with_name("sapmcu")
RUNS = 3


def measure(arguments: list[str]) -> tuple[float, float]:
    """(seconds, peak megabytes) of one run, children included."""
    start = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        os.execv(SAPMCU, ["sapmcu", *arguments])
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"sapmcu {' '.join(arguments)} failed with status {status}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        rows: list[tuple[str, list[str], float]] = [
            ("--help", ["--help"], 0.2),
            ("memory person_detect", ["memory", str(MODELS / "tflm_person_detect.tflite")], 1.0),
        ]
        for name in ("mlperf_ic_resnet_quant", "mlperf_kws_ref_model", "tflm_person_detect"):
            target = [str(MODELS / f"{name}.tflite"), "--board", "stm32h7", "-o", f"{scratch}/{name}", "--force"]
            rows.append((f"convert {name}", ["convert", *target], 3.0))
        print(f"{'command':36} {'seconds':>8} {'goal':>6} {'peak MB':>8}")
        for title, arguments, goal in rows:
            runs = [measure(arguments) for _ in range(RUNS)]
            print(f"{title:36} {min(run[0] for run in runs):8.2f} {goal:6.1f} {max(run[1] for run in runs):8.0f}")


if __name__ == "__main__":
    main()
