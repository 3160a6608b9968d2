# SPDX-License-Identifier: Apache-2.0
"""The SRAM limit is met by the int8 model itself, with as little removed as the path allows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from prunable_nets import inverted_residual, pooled, randomized, residual
from quiet_keras import keras
from reference_models import ROOT

from sapmcu.errors import UserError
from sapmcu.ir.pruning import ArenaPlan, Criterion, PruningGoal
from sapmcu.train.prune import prune_to
from sapmcu.train.prune.graph import channel_graph
from sapmcu.train.prune.measure import int8_graph, measure
from sapmcu.train.prune.memory import LiveTensors
from sapmcu.train.prune.rank import Widths, rank
from sapmcu.train.prune.rebuild import rebuild
from sapmcu.train.prune.rows import LiveRows
from sapmcu.train.prune.search import peak_path

pytestmark = pytest.mark.needs("tensorflow")


@pytest.fixture(scope="module")
def dscnn() -> Any:
    return keras.models.load_model(ROOT / "models/fashion_mnist/dscnn.h5", compile=False)


@pytest.mark.parametrize("build", [residual, inverted_residual])
def test_the_estimate_is_what_the_engine_needs(build: Any) -> None:
    graph = channel_graph(randomized(build()))
    removed = [group.channels[0] for group in graph.groups]
    is_kept = graph.kept(removed)
    size, reason = measure(rebuild(graph, is_kept))
    assert reason == ""
    estimate = int(LiveTensors(graph).live_bytes(is_kept).max())
    assert size.arena_bytes is not None
    assert abs(size.arena_bytes - estimate) < 8 * 3, "but for the alignment of three tensors"


def test_the_limit_is_met_and_no_block_went_in_vain(dscnn: Any) -> None:
    goal = PruningGoal(sram_bytes=10_000, plan=ArenaPlan.WHOLE)
    smaller, pruning = prune_to(dscnn, goal)
    assert pruning.before.arena_bytes == 18_816
    arena = pruning.after.arena_bytes
    assert arena is not None and arena <= 10_000
    assert measure(smaller)[0] == pruning.after
    at_the_peak = {one.layers[0]: one for one in pruning.widths}
    assert at_the_peak["block3_pointwise"].channels_after == 64, "never live at the peak"
    assert at_the_peak["block5_pointwise"].channels_after == 96

    graph = channel_graph(dscnn)
    widths = Widths(graph.groups, rank(graph, goal.criterion), goal.multiple)
    path, _ = peak_path(graph, LiveTensors(graph), widths)
    gone = pruning.channels_before - pruning.channels_after
    blocks = next(count for count in range(len(path)) if sum(map(len, path[:count])) == gone)
    one_less = rebuild(graph, graph.kept(root for block in path[: blocks - 1] for root in block))
    size = measure(one_less)[0].arena_bytes
    assert size is not None and size > 10_000


def test_a_limit_is_met_by_rows_with_more_channels_than_op_after_op(dscnn: Any) -> None:
    _, pruning = prune_to(dscnn, PruningGoal(sram_bytes=3_600))
    before, after = pruning.before, pruning.after
    assert (before.arena_bytes, before.rows_arena_bytes) == (18_816, 4_368)
    assert after.rows_arena_bytes is not None and after.arena_bytes is not None
    assert 3_000 < after.rows_arena_bytes <= 3_600 < after.arena_bytes
    assert pruning.channels_after >= 0.7 * pruning.channels_before
    assert not pruning.warnings


@pytest.mark.parametrize("build", [residual, inverted_residual])
def test_the_estimate_by_rows_falls_with_every_block(build: Any) -> None:
    """A narrower network never needs more; the path ends where nothing can go."""
    graph = channel_graph(randomized(build()))
    path, peaks = peak_path(graph, LiveRows(graph), Widths(graph.groups, rank(graph, Criterion.BN), 4))
    assert peaks == sorted(peaks, reverse=True)
    assert len(path) == len(peaks) - 1 > 1
    assert peaks[0] <= int(LiveTensors(graph).live_bytes(graph.kept(())).max())


@pytest.mark.parametrize(("plan", "sram_bytes"), [(ArenaPlan.ROWS, 5_000), (ArenaPlan.WHOLE, 20_000)])
def test_a_model_that_fits_stays_whole(dscnn: Any, plan: ArenaPlan, sram_bytes: int) -> None:
    smaller, pruning = prune_to(dscnn, PruningGoal(sram_bytes=sram_bytes, plan=plan))
    assert pruning.channels_after == pruning.channels_before
    assert smaller.count_params() == dscnn.count_params()
    assert ["nothing was removed: the model needs " in warning for warning in pruning.warnings] == [True]


def test_a_limit_out_of_reach_says_what_is_in_reach(dscnn: Any) -> None:
    """The image, 28×28, and the least width of the stem, 4 channels."""
    with pytest.raises(
        UserError, match="can't be pruned to 1,000 bytes of SRAM; the least reachable is 3,920"
    ) as caught:
        prune_to(dscnn, PruningGoal(sram_bytes=1000, plan=ArenaPlan.WHOLE))
    assert caught.value.details == ("peak at layer stem: 784 + 3,136",)
    assert "--sram 3920" in str(caught.value.hint)


def test_a_model_that_is_never_int8_has_no_size() -> None:
    inputs = keras.Input((8, 8, 3), name="image")
    x = keras.layers.ELU(name="curve")(keras.layers.Conv2D(8, 3, name="conv")(inputs))
    model = keras.Model(inputs, keras.layers.Conv2D(2, 3, name="last")(x), name="curved")
    _, pruning = prune_to(model, PruningGoal(ratio=0.5))
    assert pruning.after.arena_bytes is None
    assert pruning.after.parameters < pruning.before.parameters
    assert any("ELU" in warning for warning in pruning.warnings)
    with pytest.raises(UserError, match=r"the SRAM of curved can't be found: .*ELU"):
        prune_to(model, PruningGoal(sram_bytes=1000))


def test_a_network_whose_numbers_vanish_has_a_size() -> None:
    """As those of an untrained deep network, whose logits are below what int8 can scale."""
    model = residual()
    norm = model.get_layer("b2_norm")
    norm.moving_variance.assign(1e16 * np.ones(16))
    model.get_layer("short").set_weights([0 * one for one in model.get_layer("short").get_weights()])
    with pytest.raises(UserError, match="must be above"):
        int8_graph(model)
    size, reason = measure(model)
    assert reason == ""
    assert size == measure(randomized(residual()))[0]


def test_a_share_that_is_too_large_is_said() -> None:
    _, pruning = prune_to(residual(), PruningGoal(ratio=0.99), is_measured=False)
    assert [one.channels_after for one in pruning.widths] == [4, 4, 4, 4]
    assert any("32 of 48 channels are all that can go" in warning for warning in pruning.warnings)


def test_a_share_that_is_too_small_is_said() -> None:
    _, pruning = prune_to(residual(), PruningGoal(ratio=0.01), is_measured=False)
    assert pruning.channels_after == pruning.channels_before
    assert any("nothing was removed" in warning for warning in pruning.warnings)


@pytest.mark.parametrize("kind", ["blur", "lip", "sap"])
def test_poolings_count_with_what_they_need_inside(kind: str) -> None:
    """The peak is inside the pooling: the channels before it go, none behind it."""
    model = randomized(pooled(kind)())
    size, _ = measure(model)
    assert size.arena_bytes is not None
    live = LiveTensors(graph := channel_graph(model)).live_bytes(graph.kept(()))
    assert graph.network.calls[int(live.argmax())].name == "pool"
    _, pruning = prune_to(model, PruningGoal(sram_bytes=size.arena_bytes - 1, plan=ArenaPlan.WHOLE))
    assert [one.channels_after for one in pruning.widths] == [4, 8]
