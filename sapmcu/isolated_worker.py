# SPDX-License-Identifier: Apache-2.0
"""The process behind sapmcu/isolated.py. argv[1]: the file descriptor of its connection."""

from __future__ import annotations

import importlib
import pickle
import resource
import sys
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

MEMORY_LIMIT_BYTES = 8 << 30
NETWORK_EVENTS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname")


def refuse_network(event: str, _: tuple[Any, ...]) -> None:
    """An audit hook: converters must work without a network, and a model file must not reach one."""
    if event in NETWORK_EVENTS:
        raise PermissionError("sapmcu's converters have no network")


def run(task: str, arguments: tuple[Any, ...], report: Any) -> tuple[str, Any]:
    """The answer to one call. An exception crosses over with its traceback as a note, if it can be pickled."""
    module, function = task.split(":")
    assert module.startswith("sapmcu."), task
    try:
        return "result", getattr(importlib.import_module(module), function)(report, *arguments)
    except Exception as error:
        with suppress(Exception):
            pickle.loads(pickle.dumps(error))
            return "error", error
        return "error", RuntimeError(f"in {task}:\n{traceback.format_exc()}")


def main() -> None:
    connection = Connection(int(sys.argv[1]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    sys.addaudithook(refuse_network)
    with suppress(EOFError, ConnectionError):  # the other side has gone
        while True:
            task, arguments = connection.recv()
            connection.send(run(task, arguments, lambda text: connection.send(("progress", text))))


if __name__ == "__main__":
    main()
