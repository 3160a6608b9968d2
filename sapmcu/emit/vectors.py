# SPDX-License-Identifier: Apache-2.0
"""Test vectors: inputs with the outputs that they must give, as files for the host and as C for the firmware."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from sapmcu.emit.c_source import byte_rows, c_comment, c_list
from sapmcu.emit.origin import Origin, block_comment
from sapmcu.ir.graph import Graph, Tensor
from sapmcu.ir.vectors import Vector

EMBEDDED_BYTES = 32 * 1024
"""What the vectors in the firmware may take of its flash; the first one is always in."""


def verify_vectors(graph: Graph, vectors: Sequence[Vector]) -> None:
    """Our invariant: one vector or more, with the sizes of the graph's tensors."""
    assert vectors, "there is no test vector"
    for vector in vectors:
        for names, parts in ((graph.inputs, vector.inputs), (graph.outputs, vector.outputs)):
            sizes = [graph.tensors[name].size_bytes for name in names]
            assert sizes == [len(part) for part in parts], f"a vector has {list(map(len, parts))} bytes, not {sizes}"


def emit_testdata(graph: Graph, vectors: Sequence[Vector]) -> dict[str, bytes]:
    """testdata/: one file of raw bytes for each tensor of each vector, and vectors.json that describes them."""
    files: dict[str, bytes] = {}
    for number, vector in enumerate(vectors):
        for role, parts in (("input", vector.inputs), ("output", vector.outputs)):
            for index, data in enumerate(parts):
                files[f"testdata/{number:04}_{role}_{index}.bin"] = data
    description = {
        "schema": 1,
        "vectors": len(vectors),
        "inputs": [_describe(graph.tensors[name], f"_input_{index}") for index, name in enumerate(graph.inputs)],
        "outputs": [_describe(graph.tensors[name], f"_output_{index}") for index, name in enumerate(graph.outputs)],
    }
    files["testdata/vectors.json"] = (json.dumps(description, indent=2) + "\n").encode("ascii")
    return files


def _describe(tensor: Tensor, suffix: str) -> dict[str, object]:
    """`file` with the number of the vector in four digits for NNNN."""
    return {"name": tensor.name, "type": tensor.dtype.value, "shape": list(tensor.shape), "file": f"NNNN{suffix}.bin"}


def embedded(vectors: Sequence[Vector]) -> tuple[Vector, ...]:
    """The first vectors, as many as EMBEDDED_BYTES hold, at least one."""
    chosen: list[Vector] = []
    left = EMBEDDED_BYTES
    for vector in vectors:
        left -= vector.size_bytes
        if chosen and left < 0:
            break
        chosen.append(vector)
    return tuple(chosen)


def emit_vectors(graph: Graph, vectors: Sequence[Vector], origin: Origin) -> dict[str, bytes]:
    """test_vectors.h and test_vectors.c for the firmware."""
    chosen = embedded(vectors)
    title = block_comment((f"Test vectors of {c_comment(graph.name)}.", *origin.lines))
    header = [
        *title,
        "#ifndef SAPMCU_TEST_VECTORS_H",
        "#define SAPMCU_TEST_VECTORS_H",
        "",
        '#include "model_data.h"',
        "",
        f"#define SAPMCU_VECTOR_COUNT {len(chosen)}",
        "",
        "#ifdef __cplusplus",
        'extern "C" {',
        "#endif",
        "",
        "/* Raw bytes of each tensor, of the sizes in model_data.h; 16-byte aligned. */",
        "typedef struct {",
        "    const void *inputs[SAPMCU_INPUT_COUNT];",
        "    const void *outputs[SAPMCU_OUTPUT_COUNT];",
        "} sapmcu_vector;",
        "",
        "extern const sapmcu_vector sapmcu_vectors[SAPMCU_VECTOR_COUNT];",
        "",
        "#ifdef __cplusplus",
        "}",
        "#endif",
        "",
        "#endif",
    ]
    source = [*title, '#include "test_vectors.h"', "", *_arrays(chosen), *_table(chosen)]
    return {"test_vectors.h": _text(header), "test_vectors.c": _text(source)}


def _arrays(vectors: Sequence[Vector]) -> Iterator[str]:
    for number, vector in enumerate(vectors):
        for role, parts in (("input", vector.inputs), ("output", vector.outputs)):
            for index, data in enumerate(parts):
                yield f"static _Alignas(16) const uint8_t vector_{number}_{role}_{index}[{len(data)}] = {{"
                yield from byte_rows(data)
                yield "};"
                yield ""


def _table(vectors: Sequence[Vector]) -> Iterator[str]:
    yield "const sapmcu_vector sapmcu_vectors[SAPMCU_VECTOR_COUNT] = {"
    for number, vector in enumerate(vectors):
        inputs = c_list(f"vector_{number}_input_{index}" for index in range(len(vector.inputs)))
        outputs = c_list(f"vector_{number}_output_{index}" for index in range(len(vector.outputs)))
        yield f"    {{{inputs}, {outputs}}},"
    yield "};"


def _text(lines: Sequence[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode("ascii")
