# SPDX-License-Identifier: Apache-2.0
"""The process that holds TFLM's interpreter, since a failed check in it calls abort(). Started by tflm_host.py.

Reads pickled requests from file descriptor argv[1] and answers on argv[2]; both ends are ours. TFLM's own messages go
to file descriptor 2, a file whose new part comes back with each answer.
"""

from __future__ import annotations

import os
import pickle
import resource
import sys
from typing import Any

MEMORY_LIMIT_BYTES = 8 << 30


def handle(request: dict[str, Any], runtime: Any) -> dict[str, Any]:
    """Make an interpreter, run each set of inputs, copy the outputs."""
    interpreter = runtime.Interpreter.from_bytes(request["model"], arena_size=request["arena_bytes"])
    if request["allocations"]:
        interpreter.print_allocations()
    outputs = []
    for inputs in request["inputs"]:
        for index, value in enumerate(inputs):
            interpreter.set_input(value, index)
        interpreter.invoke()
        outputs.append([interpreter.get_output(index).copy() for index in range(request["output_count"])])
    return {"outputs": outputs}


def main() -> None:
    requests, answers = os.fdopen(int(sys.argv[1]), "rb"), os.fdopen(int(sys.argv[2]), "wb")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    from tflite_micro.python.tflite_micro import runtime

    while True:
        try:
            request = pickle.load(requests)
        except EOFError:
            return
        start = os.lseek(2, 0, os.SEEK_END)
        try:
            answer = handle(request, runtime)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        os.lseek(2, start, os.SEEK_SET)
        answer["log"] = os.read(2, 1 << 20).decode(errors="replace")
        pickle.dump(answer, answers)
        answers.flush()


if __name__ == "__main__":
    main()
