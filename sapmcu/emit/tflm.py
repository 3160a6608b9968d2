# SPDX-License-Identifier: Apache-2.0
"""Graph -> the model and its ops as C++ for TensorFlow Lite Micro. Data and lists only: the code is in firmware/."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from sapmcu.emit.c_source import byte_rows, c_comment, c_float, c_integer, c_list, c_string
from sapmcu.emit.origin import Origin, block_comment
from sapmcu.emit.tflm_ops import BUILTIN_METHODS, CUSTOM_METHODS, INT8_KERNELS
from sapmcu.errors import UserError
from sapmcu.ir.graph import DType, Graph, Op, Tensor
from sapmcu.ir.ops import Opaque
from sapmcu.ir.tflite import FORMATS

C_TYPES = {
    DType.BOOL: "uint8_t",
    DType.INT8: "int8_t",
    DType.UINT8: "uint8_t",
    DType.INT16: "int16_t",
    DType.UINT16: "uint16_t",
    DType.INT32: "int32_t",
    DType.UINT32: "uint32_t",
    DType.INT64: "int64_t",
    DType.UINT64: "uint64_t",
    DType.FLOAT16: "uint16_t",
    DType.FLOAT32: "float",
    DType.FLOAT64: "double",
}


def emit_model_data(graph: Graph, model: bytes, arena_bytes: int, origin: Origin) -> dict[str, bytes]:
    """model_data.h and model_data.cc: the file `model`, and what an application must know of it.

    arena_bytes: what TFLM needs at least, with its temporaries.
    """
    return {
        "model_data.h": _text(_header(graph, model, arena_bytes, origin)),
        "model_data.cc": _text(_source(graph, model, origin)),
    }


def _text(lines: Sequence[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode("ascii")


def _title(graph: Graph, what: str, origin: Origin) -> list[str]:
    return block_comment((f"{what} of {c_comment(graph.name)}.", *origin.lines))


def _header(graph: Graph, model: bytes, arena_bytes: int, origin: Origin) -> list[str]:
    return [
        *_title(graph, "The model", origin),
        "#ifndef SAPMCU_MODEL_DATA_H",
        "#define SAPMCU_MODEL_DATA_H",
        "",
        "#include <stdint.h>",
        "",
        f"#define SAPMCU_MODEL_NAME {c_string(graph.name)}",
        f'#define SAPMCU_MODEL_SHA256 "{hashlib.sha256(model).hexdigest()}"',
        f"#define SAPMCU_MODEL_BYTES {len(model)}",
        "",
        "/* The least that MicroInterpreter needs, 16-byte aligned and rounded up to 16. */",
        f"#define SAPMCU_ARENA_BYTES {arena_bytes}",
        *_tensor_macros("INPUT", [graph.tensors[name] for name in graph.inputs]),
        *_tensor_macros("OUTPUT", [graph.tensors[name] for name in graph.outputs]),
        "",
        "#ifdef __cplusplus",
        'extern "C" {',
        "#endif",
        "",
        "/* The .tflite file; 16-byte aligned. */",
        "extern const uint8_t sapmcu_model_data[SAPMCU_MODEL_BYTES];",
        "",
        "#ifdef __cplusplus",
        "}",
        "#endif",
        "",
        "#endif",
    ]


def _tensor_macros(role: str, tensors: Sequence[Tensor]) -> list[str]:
    """Count and sizes of all; type, shape and quantization of each. real = SCALE * (q - ZERO_POINT)."""
    lines = [
        "",
        f"#define SAPMCU_{role}_COUNT {len(tensors)}",
        f"#define SAPMCU_{role}_BYTES {c_list(str(tensor.size_bytes) for tensor in tensors)}",
    ]
    for index, tensor in enumerate(tensors):
        prefix = f"#define SAPMCU_{role}_{index}"
        lines += [
            "",
            f"/* {c_comment(tensor.name)}: {tensor.dtype} {list(tensor.shape)} */",
            f"{prefix}_TYPE {C_TYPES[tensor.dtype]}",
            f"{prefix}_RANK {len(tensor.shape)}",
            f"{prefix}_SHAPE {c_list(map(str, tensor.shape or (1,)))}",
            f"{prefix}_ELEMENTS {tensor.elements}",
        ]
        if tensor.quantization is not None and len(tensor.quantization.scales) == 1:
            lines += [
                f"{prefix}_SCALE {c_float(tensor.scale)}",
                f"{prefix}_ZERO_POINT {c_integer(tensor.zero_point)}",
            ]
    return lines


def _source(graph: Graph, model: bytes, origin: Origin) -> list[str]:
    return [
        *_title(graph, "The model", origin),
        '#include "model_data.h"',
        "",
        "alignas(16) const uint8_t sapmcu_model_data[SAPMCU_MODEL_BYTES] = {",
        *byte_rows(model),
        "};",
    ]


def emit_model_ops(graph: Graph, origin: Origin) -> dict[str, bytes]:
    """model_ops.h: a MicroMutableOpResolver with exactly the ops used, each in its int8-only form where that exists.

    Raises: UserError for ops that TFLM has no kernel for.
    """
    codes = Counter(_code(op) for op in graph.ops)
    _check_supported(codes, graph)
    headers = {INT8_KERNELS[code[0]].header for code in codes if _is_int8_only(graph, code)} - {""}
    lines = [
        *_title(graph, "The ops", origin),
        "#ifndef SAPMCU_MODEL_OPS_H",
        "#define SAPMCU_MODEL_OPS_H",
        "",
        *(f'#include "{header}"' for header in sorted({*headers, "tensorflow/lite/micro/micro_mutable_op_resolver.h"})),
        "",
        f"using SapmcuOpResolver = tflite::MicroMutableOpResolver<{max(len(codes), 1)}>;",
        "",
        "inline TfLiteStatus sapmcu_register_ops(SapmcuOpResolver &resolver) {",
        *(_registration(graph, code, count) for code, count in sorted(codes.items())),
        "    return kTfLiteOk;",
        "}",
        "",
        "#endif",
    ]
    return {"model_ops.h": _text(lines)}


def _code(op: Op) -> tuple[str, str]:
    """(code of the schema, name of a custom op)."""
    return (op.code, op.custom_code) if isinstance(op, Opaque) else (FORMATS[type(op)].code, "")


def _method(code: tuple[str, str]) -> str | None:
    return CUSTOM_METHODS.get(code[1]) if code[0] == "CUSTOM" else BUILTIN_METHODS.get(code[0])


def _check_supported(codes: Counter[tuple[str, str]], graph: Graph) -> None:
    unknown = sorted(code for code in codes if _method(code) is None)
    if unknown:
        names = [c_comment(custom or code) for code, custom in unknown]
        raise UserError(
            f"{graph.name}: TensorFlow Lite Micro has no kernel for {', '.join(names)}",
            hint="replace these layers in the network, or split the model before them",
        )


def _is_int8_only(graph: Graph, code: tuple[str, str]) -> bool:
    """Whether all ops of this code can do with the kernel that has only int8."""
    kernel = INT8_KERNELS.get(code[0])
    if kernel is None:
        return False
    for op in graph.ops:
        if _code(op) == code:
            operands = graph.operands(op)
            tensors = [operands[index] for index in kernel.operands if index < len(operands)]
            if not all(tensor is not None and tensor.dtype is DType.INT8 for tensor in (*tensors, *graph.results(op))):
                return False
    return True


def _registration(graph: Graph, code: tuple[str, str], count: int) -> str:
    argument = f"tflite::Register_{code[0]}_INT8()" if _is_int8_only(graph, code) else ""
    return f"    TF_LITE_ENSURE_STATUS(resolver.{_method(code)}({argument})); /* {count}x */"
