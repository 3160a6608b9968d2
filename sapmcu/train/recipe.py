# SPDX-License-Identifier: Apache-2.0
"""A recipe: all that decides a training, in one TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from sapmcu.errors import UserError
from sapmcu.toml_table import TableReader
from sapmcu.train.data import DATA_SETS, Splits
from sapmcu.train.options import flag, read_options, real, violations_error, whole, word

MAX_SEED = (1 << 31) - 1
HINT = "docs/training.md lists the keys"


@dataclass(frozen=True)
class Data:
    """name: of a data set. options: the dataclass of its options."""

    name: str
    options: Any


@dataclass(frozen=True)
class Network:
    """name: of a network that comes with sapmcu, or a path to a .py with `build`, from the recipe's directory.

    arguments: of its `build`, those that the recipe gives.
    """

    name: str
    arguments: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Training:
    """learning_rate: the largest; it rises over warmup_epochs, then falls along a cosine to 0, or stays.

    weight_decay: a step takes learning rate · weight_decay of each filter, not of biases and normalizations; none with
    adam. gradient_clip: largest norm of all
    gradients together, 0 for none. patience: epochs without a better validation accuracy after which training stops,
    0 for never.
    """

    epochs: int = whole(20, 1, 100_000)
    batch: int = whole(64, 1, 65_536)
    optimizer: str = word("adamw", "adamw", "adam", "sgd")
    learning_rate: float = real(1e-3, 1e-9, 100.0)
    momentum: float = real(0.9, 0.0, 0.9999)
    schedule: str = word("cosine", "cosine", "constant")
    warmup_epochs: float = real(1.0, 0.0, 1000.0)
    weight_decay: float = real(4e-3, 0.0, 10.0)
    label_smoothing: float = real(0.0, 0.0, 0.9)
    gradient_clip: float = real(0.0, 0.0, 1e9)
    patience: int = whole(0, 0, 100_000)
    seed: int = whole(1, 0, MAX_SEED)


@dataclass(frozen=True)
class Augmentation:
    """shift: pixels by which a picture moves at most, on both axes, its edge repeated. flip: mirror one of two."""

    shift: int = whole(0, 0, 256)
    flip: bool = flag(False)


@dataclass(frozen=True)
class FineTune:
    """What differs from [training] where a network that is trained already is trained on."""

    epochs: int = whole(5, 1, 100_000)
    learning_rate: float = real(2e-4, 1e-9, 100.0)
    warmup_epochs: float = real(0.0, 0.0, 1000.0)


@dataclass(frozen=True)
class PoolingVariant:
    """A pooling of a grid under a name of its own, since one kind may stand there with several options."""

    kind: str
    name: str
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Grid:
    """What `sapmcu compare` varies; an axis that is empty stays as [network] and [training] have it."""

    pooling: tuple[PoolingVariant, ...] = ()
    strides: tuple[str, ...] = ()
    placements: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """name: of the file. directory: where it lies, from which paths in it start."""

    name: str
    data: Data
    network: Network
    training: Training = field(default_factory=Training)
    augmentation: Augmentation = field(default_factory=Augmentation)
    fine_tune: FineTune = field(default_factory=FineTune)
    grid: Grid = field(default_factory=Grid)
    directory: Path = Path()

    @property
    def facts(self) -> dict[str, object]:
        """What decides the trained weights, as JSON has it: two recipes with the same facts are the same training."""
        return {
            "data": {"name": self.data.name, **asdict(self.data.options)},
            "network": {"name": self.network.name, **self.network.arguments},
            "training": asdict(self.training),
            "augmentation": asdict(self.augmentation),
        }

    @property
    def network_path(self) -> str:
        """The name, or the path from where we are."""
        return str(self.directory / self.network.name) if self.network.name.endswith(".py") else self.network.name

    def load_data(self) -> Splits:
        """Raises: UserError where files are missing."""
        options = self.data.options
        if getattr(options, "directory", ""):
            options = replace(options, directory=str(self.directory / options.directory))
        return DATA_SETS[self.data.name].load(options)

    def fine_tuning(self) -> Training:
        """The training of a network that is trained already."""
        return replace(self.training, **{one.name: getattr(self.fine_tune, one.name) for one in fields(FineTune)})


def load_recipe(path: Path) -> Recipe:
    """Raises: UserError where the file can't be read, or one with all that is wrong with it."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"recipe {path} does not exist", hint="check the path") from None
    except OSError as error:
        raise UserError(f"recipe {path} can't be read: {error.strerror}", hint="check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(
            f"recipe {path} is not valid TOML: {error}", hint="https://toml.io/en/v1.0.0 is the format"
        ) from error
    return parse_recipe(table, path)


def parse_recipe(table: Mapping[str, object], path: Path) -> Recipe:
    """path: for messages, and for the recipe's name and directory. Raises: UserError, one detail per violation."""
    violations: list[str] = []
    reader = TableReader(table, "", violations, "a recipe")

    def section(key: str, kind: type[Any]) -> Any:
        return read_options(kind, reader.table(key)) if reader.has(key) else kind()

    recipe = Recipe(
        name=path.stem,
        data=_data(reader.table("data")),
        network=_network(reader.table("network")),
        training=section("training", Training),
        augmentation=section("augmentation", Augmentation),
        fine_tune=section("fine_tune", FineTune),
        grid=_grid(reader.table("grid")) if reader.has("grid") else Grid(),
        directory=path.parent,
    )
    reader.finish()
    if violations:
        raise violations_error(f"recipe {path}", violations, HINT)
    return recipe


def _data(reader: TableReader) -> Data:
    name = reader.choice("name", tuple(DATA_SETS))
    return Data(name, read_options(DATA_SETS[name].options, reader))


def _network(reader: TableReader) -> Network:
    """Arguments keep the order of this list, whatever the file's."""
    name = reader.text("name")
    arguments: dict[str, object] = {}
    if reader.has("width"):
        arguments["width"] = reader.number("width", 0.01, 16.0)
    for key in ("pooling", "strides", "placement"):
        if reader.has(key):
            arguments[key] = reader.text(key)
    if reader.has("stem_stride"):
        arguments["stem_stride"] = reader.integer("stem_stride", 1, 16)
    if reader.has("pooling_options"):
        arguments["pooling_options"] = reader.table("pooling_options").anything()
    reader.finish()
    return Network(name, arguments)


def _grid(reader: TableReader) -> Grid:
    grid = Grid(
        pooling=tuple(_variant(one) for one in reader.tables("pooling")) if reader.has("pooling") else (),
        strides=_distinct(reader, "strides", reader.texts("strides")) if reader.has("strides") else (),
        placements=_distinct(reader, "placements", reader.texts("placements")) if reader.has("placements") else (),
        seeds=_distinct(reader, "seeds", reader.integers("seeds", 0, MAX_SEED)) if reader.has("seeds") else (),
    )
    _distinct(reader, "pooling", tuple(one.name for one in grid.pooling))
    reader.finish()
    return grid


def _variant(reader: TableReader) -> PoolingVariant:
    kind = reader.text("kind")
    name = reader.text("name") if reader.has("name") else kind
    if not all(one.isalnum() or one in "-_." for one in name) or name[:1] in ("", "."):
        reader.complain("name", f"must be letters, digits, - _ . (files are named so), is {name!r}")
    options = reader.table("options").anything() if reader.has("options") else {}
    reader.finish()
    return PoolingVariant(kind, name, options)


def _distinct(reader: TableReader, key: str, values: tuple[Any, ...]) -> tuple[Any, ...]:
    twice = sorted({str(value) for value in values if values.count(value) > 1})
    if twice:
        reader.complain(key, f"has {', '.join(twice)} twice")
    return values
