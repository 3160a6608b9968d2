# SPDX-License-Identifier: Apache-2.0
"""Random networks after all rewrites, as native C on this host: the bytes that the reference gives before them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from native_data.host import Models, assert_all_equal, examples, joined
from strategies import varied_inputs
from strategies_nets import networks

from sapmcu.ir.check import graph_violations
from sapmcu.ir.ops import Pad
from sapmcu.lower import lower_graph
from sapmcu.pipeline import native_graph, rewrite
from sapmcu.reference import run_graph

pytestmark = pytest.mark.needs("gcc")
EXAMPLES = 60


def test_native_code_of_rewritten_networks_gives_the_bytes_of_the_originals(library: Path, tmp_path: Path) -> None:
    originals = [one for one in examples(networks(), EXAMPLES) if not list(graph_violations(one))]
    rewritten = [native_graph(rewrite(one)[0])[0] for one in originals]
    pads = [sum(isinstance(op, Pad) for one in graphs for op in one.ops) for graphs in (originals, rewritten)]
    assert pads[1] < pads[0] / 2
    graph = joined(rewritten)
    program = lower_graph(graph)
    models = Models(tmp_path, library, [program])
    for kind in range(7):
        inputs, expected = {}, {}
        for number, one in enumerate(originals):
            given = varied_inputs(one, np.random.default_rng(number))[kind]
            inputs.update({f"{number}:{name}": value for name, value in zip(one.inputs, given, strict=True)})
            values = run_graph(one, given)
            expected.update({f"{number}:{name}": values[name] for name in one.outputs})
        assert_all_equal(graph, program, models.run(0, inputs), expected)
    models.close()
