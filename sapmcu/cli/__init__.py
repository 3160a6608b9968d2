# SPDX-License-Identifier: Apache-2.0
"""The command line: parse, call one function, print its result. Only this package prints and exits."""

from sapmcu.cli import bench, board, doctor, firmware, model, training
from sapmcu.cli.entry import main
from sapmcu.cli.group import cli

__all__ = ["bench", "board", "cli", "doctor", "firmware", "main", "model", "training"]
