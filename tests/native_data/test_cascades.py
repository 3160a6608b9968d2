# SPDX-License-Identifier: Apache-2.0
"""Plans of cascades as native C on this host, under ASan and UBSan: the reference's bytes, whatever the plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from native_data.families import FAMILIES, expected_values, inputs_of
from native_data.host import Models, assert_all_equal, examples, joined
from native_data.nets import random_net
from native_data.pulled import pulled_plan
from native_data.striped import striped_plan
from networks import NETWORKS, load_graph
from networks_by_hand import Network, networks
from strategies import varied_inputs

from sapmcu.ir.cascade import Cascade, CascadePlan
from sapmcu.ir.check import graph_violations
from sapmcu.ir.graph import Graph
from sapmcu.ir.parts import waits
from sapmcu.lower import lower_graph
from sapmcu.lower.graph import lower_ops
from sapmcu.plan.rows import CascadeOptions, plan_cascades
from sapmcu.reference import run_graph

pytestmark = pytest.mark.needs("gcc")

EXAMPLES = 12
NETS = 8


def planned(graph: Graph) -> CascadePlan:
    return plan_cascades(graph, lower_ops(graph), CascadeOptions())


def by_rows(graph: Graph) -> CascadePlan:
    return plan_cascades(graph, lower_ops(graph), CascadeOptions(by_rows=True))


def in_strips(graph: Graph) -> CascadePlan:
    """With columns that are computed and delivered twice, where that is less SRAM."""
    return plan_cascades(graph, lower_ops(graph), CascadeOptions(by_rows=True, max_extra_macs=0.3))


Plan = Callable[[Graph], CascadePlan]
PLANS: tuple[Plan, ...] = (
    pulled_plan,
    lambda graph: pulled_plan(graph, alignment=1),
    lambda graph: pulled_plan(graph, by_rows=True),
    planned,
    by_rows,
    in_strips,
    lambda graph: striped_plan(graph, keeps=True),
    lambda graph: striped_plan(graph, keeps=True, by_rows=True),
    lambda graph: striped_plan(graph, keeps=False, by_rows=True),
)


@pytest.mark.parametrize("family", FAMILIES)
def test_ops_by_rows_equal_the_reference(family: str, library: Path, tmp_path: Path) -> None:
    singles = [graph for strategy in FAMILIES[family] for graph in examples(strategy, EXAMPLES)]
    singles = [graph for graph in singles if not list(graph_violations(graph))]
    singles = [graph for graph in singles if all(step.lowered.forms for step in lower_ops(graph))]
    if not singles:
        pytest.skip("no op of this family has forms")
    graph = joined(singles)
    programs = [
        replace(lower_graph(graph, cascades=pulled_plan(graph, alignment)), name=f"aligned {alignment}")
        for alignment in (1, 4)
    ]
    assert all(isinstance(part, Cascade) for program in programs for part in parts(program.cascades))
    models = Models(tmp_path, library, programs)
    generator = np.random.default_rng(0)
    for kind in range(7):
        inputs, expected = {}, {}
        for number, single in enumerate(singles):
            given = inputs_of(single, generator, kind)
            inputs.update({f"{number}:{name}": one for name, one in zip(single.inputs, given, strict=True)})
            values = expected_values(single, given)
            expected.update({f"{number}:{name}": one for name, one in (values or {}).items()})
        outputs = {name: expected[name] for name in graph.outputs if name in expected}
        for index, program in enumerate(programs):
            assert_all_equal(graph, program, models.run(index, inputs), outputs)
    models.close()


def parts(plan: CascadePlan | None) -> Sequence[Cascade | int]:
    assert plan is not None
    return plan.parts


def assert_plans_equal(graphs: Sequence[Graph], plans: Sequence[Plan], library: Path, directory: Path) -> None:
    """All graphs by all plans, in one process."""
    assert not [violation for graph in graphs for violation in graph_violations(graph)]
    pairs = [(graph, plan(graph)) for graph in graphs for plan in plans]
    programs = [
        replace(lower_graph(graph, cascades=plan), name=f"graph {number}") for number, (graph, plan) in enumerate(pairs)
    ]
    models = Models(directory, library, programs)
    generator = np.random.default_rng(1)
    for number, graph in enumerate(graphs):
        for values in varied_inputs(graph, generator):
            expected = run_graph(graph, values)
            outputs = {name: expected[name] for name in graph.outputs}
            for index in range(number * len(plans), (number + 1) * len(plans)):
                arena = models.run(index, dict(zip(graph.inputs, values, strict=True)))
                assert_all_equal(graph, programs[index], arena, outputs)
    models.close()


def test_random_nets_equal_the_reference(library: Path, tmp_path: Path) -> None:
    generator = np.random.default_rng(7)
    graphs = [random_net(generator, f"net{number}") for number in range(NETS)]
    assert_plans_equal(graphs, PLANS, library, tmp_path)


def test_branching_nets_equal_the_reference(library: Path, tmp_path: Path) -> None:
    """Of several outputs."""
    plans = (pulled_plan, planned, by_rows, in_strips, *PLANS[-3:])
    graphs = [graph for graph in examples(networks(), 2 * NETS) if not list(graph_violations(graph))]
    assert len(graphs) >= NETS
    assert_plans_equal(graphs, plans, library, tmp_path)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_equal_the_reference(name: str, library: Path, tmp_path: Path) -> None:
    assert_plans_equal([load_graph(name)], (pulled_plan, planned, by_rows, in_strips), library, tmp_path)


def read_far_apart() -> Graph:
    """An image whose early result is read again behind all that is made of it."""
    net = Network((24, 24), 2)
    x = net.conv(net.x, 16, (3, 3))
    small = net.conv(net.transposed(net.pool(x, (12, 12), (12, 12))), 16)
    return net.graph(net.mean(net.add(x, net.resized(small, (24, 24)))))


def read_late() -> Graph:
    """A second image that is read behind an op that only runs whole."""
    net = Network((16, 16), 4)
    late = net.tensor((1, 16, 16, 4))
    y = net.conv(net.transposed(net.conv(net.x, 4, (3, 3))), 4)
    graph = net.graph(net.mean(net.add(y, net.conv(late, 4, (3, 3)))))
    return replace(graph, inputs=(net.x, late))


def test_a_run_waits_for_rows_in_several_places(library: Path, tmp_path: Path) -> None:
    def twice(graph: Graph) -> CascadePlan:
        return plan_cascades(graph, lower_ops(graph), CascadeOptions(by_rows=True, max_extra_macs=1))

    graphs = [read_far_apart(), read_late()]
    for graph in graphs:
        waiting = [waits(part) for part in parts(twice(graph))]
        assert sum(waiting) == 2 and not all(waiting[: waiting.index(True) + 2])
    assert_plans_equal(graphs, (twice,), library, tmp_path)
