# SPDX-License-Identifier: Apache-2.0
"""The documentation: its site builds, and each command in it does what the page says."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from command import sapmcu
from reference_models import ROOT, reference_model
from small_training import DETECTOR, NETWORK, RECIPE, write_recipe

from sapmcu.pipeline import KEPT_VECTORS, VECTORS

BLOCK = re.compile(r"^```(?:text|console|sh)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^(?:\.venv/bin/)?(sapmcu .*?)(?:  .*)?$", re.MULTILINE)
PAGES = ("README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")))
ELSEWHERE = re.compile(r"--port |--tflm /path|--emulator renode|sapmcu flash (?!.*--dry-run)|sapmcu monitor")
"""What needs a board, a library or a tool that isn't here: that must be said in a sentence, as a user would see it."""
SAID = (1, 3)
OVERWRITE = ("convert", "export", "pool", "prune")
NOT_COMMANDS = re.compile(r"sapmcu (COMMAND|build\|run)")
PATH = re.compile(r"`(project/[^`\s]*)`")
"""Of a page's project: what it says is there."""
DATA = '[data]\nname = "fashion-scenes"\nsize = 96\ntrain = 48\nvalidation = 16\ntest = 16\n'
GRID = '[grid]\nseeds = [1]\n[[grid.pooling]]\nkind = "max"\n[[grid.pooling]]\nkind = "average"\n'


def commands_of(page: str) -> list[str]:
    """All lines of a page's blocks that call sapmcu, once each, lines that go on joined."""
    text = (ROOT / page).read_text(encoding="utf-8").replace("\\\n", " ")
    found = [one for block in BLOCK.findall(text) for one in COMMAND.findall(block)]
    return [one for one in dict.fromkeys(found) if not NOT_COMMANDS.match(one)]


def _dscnn(path: Path) -> None:
    shutil.copyfile(ROOT / "models/fashion_mnist/dscnn.h5", path)


def _keras(path: Path) -> None:
    from quiet_keras import keras

    keras.models.load_model(ROOT / "models/fashion_mnist/dscnn.h5", compile=False).save(path)


def _nested(path: Path) -> None:
    from quiet_keras import keras

    layers = keras.layers
    part = keras.Input((16, 16, 8))
    backbone = keras.Model(part, layers.MaxPooling2D(2, name="second")(layers.ReLU()(part)), name="backbone")
    image = keras.Input((32, 32, 3))
    x = layers.MaxPooling2D(2, name="first")(layers.Conv2D(8, 3, padding="same")(image))
    keras.Model(image, layers.Dense(4)(layers.Flatten()(backbone(x)))).save(path)


def _samples(path: Path) -> None:
    shutil.copyfile(ROOT / "models/fashion_mnist/dscnn.samples.npz", path)


def _recipe(path: Path) -> None:
    text = RECIPE.replace("epochs = 4", "epochs = 1") + GRID
    write_recipe(path.parent, text, path.stem, NETWORK)


def _detector_recipe(path: Path) -> None:
    write_recipe(path.parent / "detector", "", "unused", DETECTOR)
    text = DATA + RECIPE[RECIPE.index("[network]") :].replace("net.py", "detector/net.py")
    path.write_text(text.replace("epochs = 4", "epochs = 1"))


FILES: Mapping[str, Callable[[Path], None]] = {
    "model.h5": _dscnn,
    "model.keras": _keras,
    "mobilenet_v2.keras": _keras,
    "model.tflite": lambda path: Path(shutil.copyfile(reference_model("mlperf_kws_ref_model.tflite"), path)).touch(),
    "samples.npz": _samples,
    "recipe.toml": _recipe,
    "detector.toml": _detector_recipe,
}
"""What the pages call their user's files."""
OF_PAGE: Mapping[tuple[str, str], Callable[[Path], None]] = {("docs/pooling.md", "model.h5"): _nested}


def prepare(directory: Path, page: str, commands: list[str]) -> None:
    """The files that a page's commands start from; a project, where the page doesn't make its own."""
    (directory / "models").symlink_to(ROOT / "models")
    for name, make in FILES.items():
        if any(name in shlex.split(command) for command in commands):
            OF_PAGE.get((page, name), make)(directory / name)


@pytest.mark.needs("tensorflow", "unicorn", "arm-none-eabi-gcc", "matplotlib")
@pytest.mark.parametrize("page", [page for page in PAGES if commands_of(page)])
def test_each_command_runs(
    page: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the page's order, in one directory; later pages of a reader's work overwrite what earlier ones made."""
    commands = commands_of(page)
    prepare(tmp_path, page, commands)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SAPMCU_TFLM", raising=False)
    if not any(re.search(r"convert .*(-o|--out) project\b", command) for command in commands):
        FILES["model.tflite"](tmp_path / "model.tflite")
        made = sapmcu(capsys, monkeypatch, "convert", "model.tflite", "--board", "nucleo_f446re", "-o", "project")
        assert made.code == 0, made.err
    for command in commands:
        _, name, *arguments = shlex.split(command)
        if name in OVERWRITE and "-o" in arguments and "--force" not in arguments:
            arguments.append("--force")
        ran = sapmcu(capsys, monkeypatch, name, *arguments)
        if ELSEWHERE.search(command):
            assert ran.code in SAID and ran.err.startswith("error: "), f"{command}\n{ran.out}{ran.err}"
        else:
            assert ran.code == 0, f"{command}\n{ran.err}"
    for path in PATH.findall((ROOT / page).read_text(encoding="utf-8")):
        assert (tmp_path / path).exists(), path


def test_the_tutorial_counts_inputs_as_convert_does() -> None:
    text = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
    for fact, count in (
        (r"with (\d+) inputs and the bytes", KEPT_VECTORS),
        (r"these (\d+) among them", KEPT_VECTORS),
        (r"ran on (\d+) inputs", VECTORS),
        (r"runs all (\d+) vectors", KEPT_VECTORS),
    ):
        assert [int(found) for found in re.findall(fact, text)] == [count], fact


@pytest.mark.needs("gcc", "g++")
@pytest.mark.parametrize("options", [("c", "-std=c11"), ("c++", "-std=c++17")], ids=" ".join)
def test_the_application_in_the_readme_is_c_and_c_plus_plus(options: tuple[str, str], tmp_path: Path) -> None:
    """Of another network, whose header is a golden file."""
    found = re.search(r"^```c\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    include, body = found[1].replace("dscnn", "small_net").replace("DSCNN", "SMALL_NET").split("\n", 1)
    source = f"{include}\nint8_t act(void);\nint8_t act(void) {{{body}return scores[0] + image[0];\n}}\n"
    (tmp_path / "act").write_text(source)
    command = ["gcc", "-x", *options, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]
    done = subprocess.run(
        [*command, "-I", ROOT / "tests/golden/native", "-I", ROOT / "firmware/include", tmp_path / "act"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` does. Strict: a link to nowhere, or a page that isn't in the contents, fails."""
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(out)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return out


@pytest.mark.needs("mkdocs")
def test_the_site_has_each_page_in_its_contents(site: Path) -> None:
    start = (site / "index.html").read_text(encoding="utf-8")
    for page in PAGES[1:]:
        name = Path(page).with_suffix(".html").name
        assert ((site / name).exists() and f'href="{name}"' in start) or name == "index.html", name


@pytest.mark.needs("mkdocs")
def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    for page in site.glob("*.html"):
        assert not re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="https?://', page.read_text(encoding="utf-8"))
