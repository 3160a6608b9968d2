# SPDX-License-Identifier: Apache-2.0
"""Tensors that nothing uses go; all else stays, in its order."""

import dataclasses
from pathlib import Path

import numpy as np
from single_op import tensor
from small_graphs import residual

from sapmcu.frontends.tflite import load_tflite
from sapmcu.ir.graph import Graph, Signature
from sapmcu.ir.ops import Opaque
from sapmcu.passes.orphans import drop_orphans


def with_orphans(graph: Graph) -> Graph:
    """Orphans before, between and behind the tensors in use."""
    tensors = {"first": tensor("first", (9,))}
    for index, (name, one) in enumerate(graph.tensors.items()):
        tensors |= {name: one, f"orphan{index}": tensor(f"orphan{index}", (3,))}
    return dataclasses.replace(graph, tensors=tensors)


def test_orphans_go_and_the_rest_stays_in_order() -> None:
    graph = residual()
    pruned = drop_orphans(with_orphans(graph))
    assert pruned == graph
    assert list(pruned.tensors) == list(graph.tensors)


def test_a_graph_without_orphans_is_the_same() -> None:
    graph = residual()
    assert drop_orphans(graph) is graph


def test_intermediates_and_signatures_are_uses() -> None:
    graph = with_orphans(residual())
    cell = Opaque(("y",), ("z",), code="UNIDIRECTIONAL_SEQUENCE_LSTM", version=1, intermediates=("orphan1",))
    signature = Signature("serve", (("in", "x"),), (("out", "orphan2"),))
    graph = dataclasses.replace(
        graph,
        tensors={**graph.tensors, "z": tensor("z", (1,))},
        ops=(*graph.ops, cell),
        signatures=(signature,),
    )
    kept = set(drop_orphans(graph).tensors) - set(residual().tensors)
    assert kept == {"orphan1", "orphan2", "z"}


def test_an_offline_plan_loses_the_offsets_of_dropped_tensors() -> None:
    graph = with_orphans(residual())
    offsets = {name: 16 * index for index, name in enumerate(graph.tensors)}
    plan = np.array([1, 0, len(offsets), *offsets.values()], "<i4").tobytes()
    short = np.array([1, 0, 2, 5, 6], "<i4").tobytes()
    pruned = drop_orphans(dataclasses.replace(graph, metadata={"OfflineMemoryAllocation": plan, "other": short}))
    assert np.frombuffer(pruned.metadata["OfflineMemoryAllocation"], "<i4").tolist() == [
        1,
        0,
        len(pruned.tensors),
        *(offsets[name] for name in pruned.tensors),
    ]
    assert pruned.metadata["other"] == short


def test_a_plan_of_another_length_stays() -> None:
    short = np.array([1, 0, 2, 5, 6], "<i4").tobytes()
    graph = dataclasses.replace(with_orphans(residual()), metadata={"OfflineMemoryAllocation": short})
    assert drop_orphans(graph).metadata["OfflineMemoryAllocation"] == short


def test_reference_models_have_no_orphans(tflite_model: Path) -> None:
    graph = load_tflite(tflite_model)
    assert drop_orphans(graph) is graph
