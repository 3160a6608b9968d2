# SPDX-License-Identifier: Apache-2.0
"""Random ops as native C on this host, many in one file: the reference's bytes, under ASan and UBSan."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from native_data.families import FAMILIES, expected_values, inputs_of
from native_data.host import Models, assert_all_equal, examples, joined, spread

from sapmcu.ir.check import graph_violations
from sapmcu.lower import lower_graph

pytestmark = pytest.mark.needs("gcc")

EXAMPLES = int(os.environ.get("SAPMCU_NATIVE_EXAMPLES", "25"))


@pytest.mark.parametrize("family", FAMILIES)
def test_native_equals_reference(family: str, library: Path, tmp_path: Path) -> None:
    """Each tensor for itself between poisoned gaps, and in the arena of the plan."""
    singles = [graph for strategy in FAMILIES[family] for graph in examples(strategy, EXAMPLES)]
    singles = [graph for graph in singles if not list(graph_violations(graph))]
    graph = joined(singles)
    apart, gaps = spread(graph)
    together = lower_graph(graph)
    models = Models(tmp_path, library, [apart, replace(together, name="together")])
    generator = np.random.default_rng(0)
    for kind in range(7):
        inputs, expected = {}, {}
        for number, single in enumerate(singles):
            given = inputs_of(single, generator, kind)
            inputs.update({f"{number}:{name}": one for name, one in zip(single.inputs, given, strict=True)})
            values = expected_values(single, given)
            expected.update({f"{number}:{name}": one for name, one in (values or {}).items()})
        assert_all_equal(graph, apart, models.run(0, inputs, gaps), expected)
        arena = models.run(1, inputs)
        outputs = {name: expected[name] for name in graph.outputs if name in expected}
        assert_all_equal(graph, together, arena, outputs)
    models.close()
