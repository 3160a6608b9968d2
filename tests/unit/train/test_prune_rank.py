# SPDX-License-Identifier: Apache-2.0
"""The weakest channels go first; groups keep their least width; widths are multiples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from prunable_nets import SIZE, classified, conv, randomized, residual
from quiet_keras import keras

from sapmcu.ir.pruning import Criterion
from sapmcu.train.prune.graph import ChannelGraph, channel_graph
from sapmcu.train.prune.rank import Widths, least_width, rank, remove_share
from sapmcu.train.prune.search import first_fitting

pytestmark = pytest.mark.needs("tensorflow")


def chain(*widths: int) -> Any:
    x = inputs = keras.Input(SIZE)
    for number, width in enumerate(widths):
        x = conv(x, width, f"c{number}")
    return classified(inputs, x)


def removed(graph: ChannelGraph, ratio: float, multiple: int = 1, criterion: Criterion = Criterion.BN) -> set[int]:
    widths = Widths(graph.groups, rank(graph, criterion), multiple)
    return {root for block in remove_share(widths, ratio) for root in block}


def test_bn_judges_by_the_scale_of_the_batch_norm() -> None:
    model = randomized(chain(8))
    gamma = np.array([3, -0.1, 2, 0.2, -4, 0.3, 1, -0.05], np.float32)
    model.get_layer("c0_norm").gamma.assign(gamma)
    graph = channel_graph(model)
    (group,) = graph.groups
    assert removed(graph, 0.5) == {group.channels[i] for i in (1, 3, 5, 7)}


def test_l1_judges_by_the_filters() -> None:
    model = randomized(chain(8))
    kernel = np.ones((3, 3, 3, 8), np.float32) * np.array([1, -8, 2, -7, 3, -6, 4, 5], np.float32)
    model.get_layer("c0").kernel.assign(kernel)
    graph = channel_graph(model)
    (group,) = graph.groups
    assert removed(graph, 0.5, criterion=Criterion.L1) == {group.channels[i] for i in (0, 2, 4, 6)}


def test_a_group_without_a_batch_norm_is_judged_by_its_filters() -> None:
    inputs = keras.Input(SIZE)
    x = conv(keras.layers.Conv2D(8, 3, activation="relu", name="plain")(inputs), 8, "normed")
    graph = channel_graph(classified(inputs, x))
    assert rank(graph, Criterion.BN).criteria == (Criterion.L1, Criterion.BN)


def test_tied_layers_are_judged_together() -> None:
    """Channel 0 is weak in one branch alone, channel 1 in both."""
    model = randomized(residual())
    for name, gamma in (("stem_norm", [0.1, 0.2, 1, 1, 1, 1, 1, 1]), ("a2_norm", [1, 0.2, 1, 1, 1, 1, 1, 1])):
        model.get_layer(name).gamma.assign(np.array(gamma, np.float32))
    graph = channel_graph(model)
    tied = next(group for group in graph.groups if group.layers == ("stem", "a2"))
    scores = rank(graph, Criterion.BN).scores
    assert scores[tied.channels[1]] < scores[tied.channels[0]] < scores[tied.channels[2]]


def test_scores_do_not_depend_on_the_scale_of_a_layer() -> None:
    model = randomized(chain(8, 8))
    before = rank(channel_graph(model), Criterion.BN).scores
    norm = model.get_layer("c0_norm")
    norm.gamma.assign(100 * np.array(norm.gamma))
    after = rank(channel_graph(model), Criterion.BN).scores
    np.testing.assert_allclose(list(after.values()), list(before.values()), rtol=1e-6)


def test_ranks_are_global_down_to_the_least_width() -> None:
    """With single channels: the lowest scores of all groups together, but an eighth of each group stays."""
    graph = channel_graph(randomized(chain(16, 24, 8)))
    scores = rank(graph, Criterion.L1).scores
    gone = removed(graph, 0.25, criterion=Criterion.L1)
    assert gone == set(sorted(scores, key=scores.__getitem__)[:12])
    most = removed(graph, 0.99, criterion=Criterion.L1)
    assert [len(set(group.channels) - most) for group in graph.groups] == [2, 3, 1]


@pytest.mark.parametrize("multiple", [1, 4, 8])
@pytest.mark.parametrize("ratio", [0.1, 0.3, 0.6])
def test_widths_stay_multiples_and_the_share_is_met(multiple: int, ratio: float) -> None:
    graph = channel_graph(randomized(chain(20, 32, 6)))
    gone = removed(graph, ratio, multiple)
    for group in graph.groups:
        left = len(set(group.channels) - gone)
        assert left == len(group.channels) or left % multiple == 0
    assert abs(len(gone) - ratio * 58) <= multiple / 2


@pytest.mark.parametrize(
    ("channels", "multiple", "least"),
    [(64, 4, 8), (16, 4, 4), (10, 4, 4), (3, 4, 3), (96, 8, 16), (24, 1, 3), (100, 8, 16)],
)
def test_least_width(channels: int, multiple: int, least: int) -> None:
    assert least_width(channels, multiple) == least


@pytest.mark.parametrize("error", [0, 40, -30])
@pytest.mark.parametrize("limit", [0, 95, 250, 480, 1000])
def test_first_fitting_is_the_first_with_few_exact_figures(error: int, limit: int) -> None:
    """Peaks with plateaus; the exact arena differs by a constant."""
    peaks = [900, 900, 700, 700, 700, 500, 400, 400, 300, 200, 200, 100]
    asked = []

    def arena_bytes(place: int) -> int:
        asked.append(place)
        return peaks[place] + error

    expected = next((place for place, peak in enumerate(peaks) if peak + error <= limit), None)
    assert first_fitting(peaks, arena_bytes, limit) == expected
    assert len(asked) <= 3


def test_first_fitting_survives_a_wrong_estimate() -> None:
    peaks = list(range(1000, 0, -50))
    exact = [900 - place * place for place in range(20)]
    assert first_fitting(peaks, exact.__getitem__, 640) == 17
