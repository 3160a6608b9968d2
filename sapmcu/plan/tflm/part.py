# SPDX-License-Identifier: Apache-2.0
"""Some consecutive ops alone, with all that lives beside them: a head planned for them is one that the graph needs."""

from __future__ import annotations

from sapmcu.ir.graph import Graph


def part_of(graph: Graph, first: int, last: int) -> Graph:
    """Ops first..last. What lives into them is an input, what lives on behind them an output, what only passes is both.

    So live ranges are the graph's, cut off at both ends. Names and order of tensors stay.
    """
    ops = graph.ops[first : last + 1]
    touched = {name for op in ops for name in (*op.present_inputs, *op.outputs)}
    inputs, outputs, kept = [], [], {}
    for name, tensor in graph.tensors.items():
        if tensor.is_constant or tensor.is_variable:
            if name in touched:
                kept[name] = tensor
            continue
        begins = 0 if name in graph.inputs else graph.producers.get(name)
        if begins is None:
            continue
        is_output = name in graph.outputs
        ends = len(graph.ops) if is_output else max(graph.readers.get(name, (begins,)), default=begins)
        if begins > last or ends < first:
            continue
        kept[name] = tensor
        if begins < first or name in graph.inputs:
            inputs.append(name)
        if ends > last or is_output:
            outputs.append(name)
    return Graph(graph.name, kept, ops, tuple(inputs), tuple(outputs))
