# SPDX-License-Identifier: Apache-2.0
"""Recipes: what they say, and all that is wrong with them at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from sapmcu.errors import UserError
from sapmcu.train.data.named import SceneOptions
from sapmcu.train.recipe import Augmentation, FineTune, Grid, PoolingVariant, Training, load_recipe

WHOLE = """
[data]
name = "fashion-scenes"
size = 128
train = 100

[network]
name = "mobilenet_v2"
placement = "before_stage"
pooling = "sap"
width = 1
strides = "2222121"
stem_stride = 1
pooling_options = { num_heads = 2, normalize = false }

[training]
epochs = 7
learning_rate = 1
schedule = "constant"

[augmentation]
flip = true

[fine_tune]
epochs = 2

[grid]
strides = ["1222121", "4222121"]
placements = ["prepool"]
seeds = [1, 2]

[[grid.pooling]]
kind = "sap"
name = "sap-nowin"
options = { normalize = false }

[[grid.pooling]]
kind = "max"
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "study.toml"
    path.write_text(text)
    return path


def test_whole_recipe_is_read(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, WHOLE))
    assert recipe.name == "study"
    assert recipe.data.options == SceneOptions(size=128, train=100)
    assert recipe.network.arguments == {
        "width": 1.0,
        "pooling": "sap",
        "strides": "2222121",
        "placement": "before_stage",
        "stem_stride": 1,
        "pooling_options": {"num_heads": 2, "normalize": False},
    }
    assert recipe.training == Training(epochs=7, learning_rate=1.0, schedule="constant")
    assert recipe.augmentation == Augmentation(flip=True)
    assert recipe.fine_tuning() == Training(
        epochs=2, learning_rate=FineTune().learning_rate, schedule="constant", warmup_epochs=0
    )
    assert recipe.grid == Grid(
        (PoolingVariant("sap", "sap-nowin", {"normalize": False}), PoolingVariant("max", "max")),
        ("1222121", "4222121"),
        ("prepool",),
        (1, 2),
    )


def test_short_recipe_takes_defaults(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, '[data]\nname = "digits"\n[network]\nname = "nets/own.py"\n'))
    assert recipe.training == Training()
    assert recipe.network.arguments == {}
    assert recipe.network_path == str(tmp_path / "nets" / "own.py")
    assert recipe.grid == Grid()


def test_facts_don_t_depend_on_where_the_recipe_lies(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    first, second = (load_recipe(write(directory, WHOLE)) for directory in (tmp_path, tmp_path / "a"))
    assert first.facts == second.facts
    assert str(tmp_path) not in str(first.facts)


def test_all_violations_are_collected(tmp_path: Path) -> None:
    text = """
[data]
name = "fashion-scene"
[network]
width = "wide"
heads = 2
[training]
epochs = 0
batch = true
learning_rate = nan
optimizer = "lion"
[augmentation]
turn = 90
[grid]
seeds = [1, 1]
strides = "1222"
[[grid.pooling]]
kind = "sap"
[[grid.pooling]]
kind = "sap"
name = "a/b"
[[grid.pooling]]
kind = "sap"
[grids]
"""
    with pytest.raises(UserError, match=r"study\.toml has 14 errors") as caught:
        load_recipe(write(tmp_path, text))
    assert caught.value.hint == "docs/training.md lists the keys"
    for line in (
        "data.name must be one of fashion-mnist, fashion-scenes, digits, cifar-10, stl-10, visual-wake-words, folders, "
        "is 'fashion-scene'",
        "network.name is missing",
        "network.width must be a number, is 'wide'",
        "network.heads is not a key of a recipe",
        "training.epochs must be 1 to 100,000, is 0",
        "training.batch must be a whole number, is True",
        "training.learning_rate must be 1e-09 to 100, is nan",
        "training.optimizer must be one of adamw, adam, sgd, is 'lion'",
        "augmentation.turn is not a key of a recipe",
        "grid.seeds has 1 twice",
        "grid.strides must be a list of texts, is '1222'",
        "grid.pooling[1].name must be letters, digits, - _ . (files are named so), is 'a/b'",
        "grid.pooling has sap twice",
        "grids is not a key of a recipe",
    ):
        assert line in caught.value.details


@pytest.mark.parametrize(("text", "message"), [("[data", "is not valid TOML"), ("\xff", "is not valid TOML")])
def test_broken_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "study.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=rf"study\.toml {message}"):
        load_recipe(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent\.toml does not exist"):
        load_recipe(tmp_path / "absent.toml")
    with pytest.raises(UserError, match="can't be read"):
        load_recipe(tmp_path)
