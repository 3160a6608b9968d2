# SPDX-License-Identifier: Apache-2.0
"""Native program -> C: a header for applications, and a source of data and a straight list of calls."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sapmcu.emit.c_source import c_comment, c_float, c_integer, c_list, c_string, wrapped
from sapmcu.emit.cascade import cascade_headers, cascade_tables
from sapmcu.emit.native_rows import (
    advance_functions,
    row_declarations,
    row_functions,
    taken_declarations,
    taken_functions,
)
from sapmcu.emit.origin import Origin, block_comment
from sapmcu.emit.tflm import C_TYPES
from sapmcu.ir.cascade import Cascade
from sapmcu.ir.graph import DType, Tensor
from sapmcu.ir.native import (
    Argument,
    Call,
    Constant,
    Element,
    FunctionRef,
    NativeProgram,
    Params,
    Pointer,
    Scratch,
    StaticRef,
    Step,
    TensorRef,
)
from sapmcu.ir.parts import (
    input_rows,
    last_ops,
    output_rows,
    part_data,
    pointed_to,
    program_cascades,
    program_parts,
    waits,
)

NARROW_TYPES = ("int8_t", "uint8_t", "int16_t", "uint16_t")
"""Their arrays are aligned to words, so that kernels can load several numbers at once."""


Names = dict[Constant | Params, str]

END_OP = (
    "/* Behind each op: a mark for emulators, and the end of a run of just so many ops. */",
    "#define END_OP(index)                                                                                        \\",
    "    SAPMCU_END_OP(index);                                                                                    \\",
    "    if (count <= (index) + 1) {                                                                              \\",
    "        return 0;                                                                                            \\",
    "    }",
    "",
)
INVOKE = (
    "/* Run the model once: write the inputs, call this, read the outputs. Returns 0. Inputs are overwritten.",
    " * Not reentrant: there is one arena. */",
)


def c_identifier(name: str) -> str:
    """A model's name as the part of C identifiers and file names that tells models apart."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "model"


def emit_native(program: NativeProgram, sha256: str, origin: Origin) -> dict[str, bytes]:
    """sapmcu_<model>.h and sapmcu_<model>.c. sha256: of the .tflite file, in hexadecimal digits."""
    source = _Source(program, c_identifier(program.name), sha256, origin)
    return {
        f"sapmcu_{source.model}.h": _text(source.header()),
        f"sapmcu_{source.model}.c": _text(source.code()),
    }


def emit_model_table(models: Sequence[str], origin: Origin) -> dict[str, bytes]:
    """models.c: the table of models that the device protocol serves. models: their names."""
    identifiers = [c_identifier(one) for one in models]
    assert len(set(identifiers)) == len(identifiers), f"models share an identifier: {models}"
    lines = [
        *block_comment(("The models of this firmware.", *origin.lines)),
        *(f'#include "sapmcu_{one}.h"' for one in identifiers),
        "",
        f"const sapmcu_model *const sapmcu_models[] = {c_list(f'&sapmcu_{one}_model' for one in identifiers)};",
        f"const uint32_t sapmcu_model_count = {len(identifiers)};",
    ]
    return {"models.c": _text(lines)}


def _text(lines: Iterable[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode("ascii")


@dataclass(frozen=True, slots=True)
class _Source:
    """model: the C identifier."""

    program: NativeProgram
    model: str
    sha256: str
    origin: Origin

    @property
    def macro(self) -> str:
        return f"SAPMCU_{self.model.upper()}"

    def names(self) -> Names:
        """The identifier of each constant and struct."""
        return {
            **{one: name for name, one in self.program.constants.items()},
            **{one: name for name, one in self.program.params.items()},
        }

    def title(self, what: str) -> list[str]:
        lines = (f"{what} {c_comment(self.program.name)}.", *self.origin.lines, f"SHA-256 of the model: {self.sha256}")
        return block_comment(lines)

    def header(self) -> Iterator[str]:
        guard = f"SAPMCU_GENERATED_{self.model.upper()}_H"  # not that of a hand-written header
        yield from self.title("The model")
        yield from (f"#ifndef {guard}", f"#define {guard}", "", "#include <stdint.h>", "")
        yield '#include "sapmcu/model.h"'
        yield ""
        yield "/* Memory of all inputs, outputs and what lies between, a static array of the source. */"
        yield f"#define {self.macro}_ARENA_BYTES {self.program.plan.arena_bytes}"
        yield from _tensor_macros(f"{self.macro}_INPUT", self.program.inputs)
        yield from _tensor_macros(f"{self.macro}_OUTPUT", self.program.outputs)
        yield from ("", "#ifdef __cplusplus", 'extern "C" {', "#endif", "")
        if rows := input_rows(self.program):
            yield from row_declarations(self.model, self.macro, rows)
        else:
            yield from INVOKE
            yield f"int sapmcu_{self.model}_invoke(void);"
        if taken := output_rows(self.program):
            yield from taken_declarations(self.model, self.macro, taken)
        yield ""
        yield "/* Input or output `index`: _BYTES bytes, 8-byte aligned; NULL where there is none. */"
        yield f"void *sapmcu_{self.model}_input(uint32_t index);"
        yield f"const void *sapmcu_{self.model}_output(uint32_t index);"
        yield ""
        yield "/* All of this as a table, for applications that serve any model. */"
        yield f"extern const sapmcu_model sapmcu_{self.model}_model;"
        yield from ("", "#ifdef __cplusplus", "}", "#endif", "", "#endif")

    def code(self) -> Iterator[str]:
        yield from self.title("The data and the calls of")
        yield f'#include "sapmcu_{self.model}.h"'
        yield ""
        headers = set(self.headers())
        if headers:
            yield from (f'#include "{header}"' for header in sorted(headers))
            yield ""
        yield f"static SAPMCU_ARENA int8_t arena[{self.macro}_ARENA_BYTES];"
        for home, size in self.program.plan.apart_bytes.items():
            yield f"static SAPMCU_{home.upper()}S int8_t {home}_memory[{max(size, 1)}];"
        if output_rows(self.program):
            yield "static sapmcu_row_taker taker;"
        yield ""
        yield from self.data()
        yield from self.run()
        yield from self.interface()

    def headers(self) -> Iterator[str]:
        for part in program_parts(self.program):
            if isinstance(part, Cascade):
                yield from cascade_headers(part)
            else:
                for call in self.program.steps[part].lowered.calls:
                    yield from _headers(call)

    def data(self) -> Iterator[str]:
        """Constants and structs under the op that uses them first, then the tables of cascades."""
        names = self.names()
        done: set[str] = set()
        for part in program_parts(self.program):
            lines: dict[int, list[str]] = {}
            for index, value in part_data(self.program.steps, part):
                lines.setdefault(index, []).extend(_definitions(value, names, done))
            for index, definitions in lines.items():
                if definitions:
                    yield f"/* {c_comment(self.program.steps[index].comment)} */"
                    yield from definitions
                    yield ""
        for number, cascade in enumerate(program_cascades(self.program)):
            yield from cascade_tables(self.program, cascade, f"cascade{number}", names)
            yield ""

    def run(self) -> Iterator[str]:
        """One list for both, invoke and invoke_ops: twice it would be half a kilobyte more."""
        lasts = list(zip(program_parts(self.program), last_ops(self.program), strict=True))
        if input_rows(self.program):
            yield from advance_functions([(part, list(self.part(part, last))) for part, last in lasts])
            return
        yield from END_OP
        yield "__attribute__((noinline)) static int invoke_ops(uint32_t count) {"
        yield from ("    if (count == 0) {", "        return 0;", "    }", "")
        for (part, last), (behind, _) in zip(lasts, (*lasts[1:], (None, None)), strict=True):
            yield from self.part(part, last, may_end=behind is None or not self.is_nothing(behind))
        yield from ("    return 0;", "}")

    def is_nothing(self, part: Cascade | int) -> bool:
        """Whether a run may as well end behind it as before it."""
        return isinstance(part, int) and not self.program.steps[part].lowered.calls

    def part(self, part: Cascade | int, last: int | None, *, may_end: bool = True) -> Iterator[str]:
        """What runs it; where it waits for rows of an input, it returns 1. may_end: whether a run may end behind it."""
        names, has_rows = self.names(), bool(input_rows(self.program))
        for index in (part,) if isinstance(part, int) else part.ops:
            step = self.program.steps[index]
            nothing = "" if step.lowered.calls else ": the same bytes, nothing to do"
            yield f"    /* {c_comment(step.comment + nothing)} */"
        if isinstance(part, int):
            for call in self.program.steps[part].lowered.calls:
                yield from self.call(self.program.steps[part], call, names)
        else:
            name = f"cascade{program_cascades(self.program).index(part)}"
            if waits(part):
                yield f"    if (sapmcu_run_to_row(&{name}, arena, &progress)) {{"
                yield from ("        return 1;", "    }")
            else:
                yield f"    sapmcu_run_cascade(&{name}, arena, 0);"
        if last is not None:
            yield f"    {'SAPMCU_END_OP' if has_rows or not may_end else 'END_OP'}({last});"
        yield ""

    def call(self, step: Step, call: Call, names: Names) -> Iterator[str]:
        arguments = [self.argument(step, one, names) for one in call.arguments]
        yield from wrapped(f"    {call.function}(", arguments, ");")

    def argument(self, step: Step, argument: Argument, names: Names) -> str:
        if argument is None:
            return "NULL"
        if isinstance(argument, int):
            return c_integer(argument)
        if isinstance(argument, FunctionRef):
            return argument.name
        if isinstance(argument, Constant):
            return names[argument]
        if isinstance(argument, Params):
            return f"&{names[argument]}"
        if isinstance(argument, Scratch):
            return f"arena + {self.program.plan.scratch_offset_bytes[step.index]}"
        assert isinstance(argument, TensorRef)
        return self.place(argument)

    def address(self, tensor: str, offset_bytes: int = 0) -> str:
        plan = self.program.plan
        memory = f"{plan.homes[tensor]}_memory" if tensor in plan.homes else "arena"
        return f"{memory} + {plan.offset_bytes[tensor] + offset_bytes}"

    def place(self, ref: TensorRef) -> str:
        """Address of a tensor; void where it isn't int8, which C converts to any pointer."""
        address = self.address(ref.tensor, ref.offset_bytes)
        return address if ref.dtype is DType.INT8 else f"(void *)({address})"

    def interface(self) -> Iterator[str]:
        model, inputs, outputs = self.model, self.program.inputs, self.program.outputs
        rows = input_rows(self.program)
        if rows:
            yield from row_functions(self.program, model, rows)
        else:
            yield from ("", f"int sapmcu_{model}_invoke(void) {{", "    return invoke_ops(UINT32_MAX);", "}", "")
        if output_rows(self.program):
            yield from taken_functions(model)
        yield from self.table("inputs", inputs)
        yield from self.table("outputs", outputs)
        for role, kind, count in (("input", "void *", len(inputs)), ("output", "const void *", len(outputs))):
            yield from (
                "",
                f"{kind}sapmcu_{model}_{role}(uint32_t index) {{",
                f"    return index < {count} ? {role}s[index].data : NULL;",
                "}",
            )
        digits = ", ".join(f"0x{self.sha256[start : start + 2]}" for start in range(0, 64, 2))
        yield from (
            "",
            f"const sapmcu_model sapmcu_{model}_model = {{",
            f"    .name = {c_string(self.program.name)},",
            *wrapped("    .sha256 = {", digits.split(", "), "},"),
            f"    .input_count = {len(inputs)},",
            f"    .output_count = {len(outputs)},",
            f"    .op_count = {len(self.program.steps)},",
            "    .inputs = inputs,",
            "    .outputs = outputs,",
            "    .arena = arena,",
            "    .arena_bytes = sizeof arena,",
            *(("    .taker = &taker,",) if output_rows(self.program) else ()),
            *(
                ("    .rows = &rows,",)
                if rows
                else (f"    .invoke = sapmcu_{model}_invoke,", "    .invoke_ops = invoke_ops,")
            ),
            "};",
        )

    def table(self, role: str, tensors: Sequence[Tensor]) -> Iterator[str]:
        yield f"static const sapmcu_tensor {role}[{len(tensors)}] = {{"
        by_rows = input_rows(self.program) if role == "inputs" else output_rows(self.program)
        for index, tensor in enumerate(tensors):
            place = "NULL" if index in by_rows else self.address(tensor.name)
            yield f"    {{{place}, {tensor.size_bytes}}}, /* {c_comment(tensor.name)} */"
        yield "};"


def _headers(call: Call) -> Iterator[str]:
    yield call.header
    yield from (one.header for one in call.arguments if isinstance(one, FunctionRef))


def _tensor_macros(prefix: str, tensors: Sequence[Tensor]) -> Iterator[str]:
    """Count of all; type, shape and quantization of each. real = SCALE * (q - ZERO_POINT)."""
    yield ""
    yield f"#define {prefix}_COUNT {len(tensors)}"
    for index, tensor in enumerate(tensors):
        yield ""
        yield f"/* {c_comment(tensor.name)}: {tensor.dtype} {list(tensor.shape)} */"
        yield f"#define {prefix}_{index}_TYPE {C_TYPES[tensor.dtype]}"
        yield f"#define {prefix}_{index}_RANK {len(tensor.shape)}"
        yield f"#define {prefix}_{index}_SHAPE {c_list(map(str, tensor.shape or (1,)))}"
        yield f"#define {prefix}_{index}_ELEMENTS {tensor.elements}"
        yield f"#define {prefix}_{index}_BYTES {tensor.size_bytes}"
        if tensor.quantization is not None and len(tensor.quantization.scales) == 1:
            yield f"#define {prefix}_{index}_SCALE {c_float(tensor.scale)}"
            yield f"#define {prefix}_{index}_ZERO_POINT {c_integer(tensor.zero_point)}"


def _definitions(value: Constant | Params, names: Names, done: set[str]) -> list[str]:
    """The lines that define a constant or struct, and before it what it points to; nothing that is done already."""
    if names[value] in done:
        return []
    done.add(names[value])
    if isinstance(value, Constant):
        alignment = "_Alignas(4) " if value.c_type in NARROW_TYPES else ""
        opening = f"static {alignment}const {value.c_type} {names[value]}[{len(value.values)}] = {{"
        return list(wrapped(opening, [_element(one, value.c_type) for one in value.values], "};"))
    lines = []
    for one in pointed_to(value):
        lines += _definitions(one, names, done)
    return [*lines, *wrapped(f"static const {value.c_type} {names[value]} = {{", list(_fields(value, names)), "};")]


def _fields(params: Params, names: Names, prefix: str = "") -> Iterator[str]:
    """Designated initialisers; those of a struct inside the struct have its name before theirs."""
    for name, value in params.fields:
        if isinstance(value, Params):
            yield from _fields(value, names, f"{prefix}.{name}")
        else:
            yield f"{prefix}.{name} = {_value(value, names)}"


def _value(value: Element | Constant | Pointer | StaticRef | FunctionRef | None, names: Names) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, Pointer):
        return f"&{names[value.target]}"
    if isinstance(value, StaticRef):
        return f"&{value.name}"
    if isinstance(value, FunctionRef):
        return value.name
    return names[value] if isinstance(value, Constant) else _element(value)


def _element(value: Element, c_type: str = "") -> str:
    if isinstance(value, tuple):
        return c_list(map(_element, value))
    if isinstance(value, float):
        return c_float(value)
    return f"{value}u" if value > 2**31 - 1 else str(value)
