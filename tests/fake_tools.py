# SPDX-License-Identifier: Apache-2.0
"""Programs that stand in for flash tools: they record their arguments and answer as a test says."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

PYTHON = sys.executable
PROGRAM = """#!{python}
import json, pathlib, shutil, sys, time
home = pathlib.Path({home!r})
with (home / "calls").open("a") as log:
    log.write(json.dumps([pathlib.Path(sys.argv[0]).name, *sys.argv[1:]]) + "\\n")
line = " ".join(sys.argv[1:])
for answer in json.loads((home / "answers").read_text()):
    if answer["to"] in line:
        time.sleep(answer["seconds"])
        if answer["copies"]:
            shutil.copy(*answer["copies"])
        print(answer["says"])
        sys.exit(answer["code"])
print("fake: nothing to say to", line)
sys.exit(9)
"""


@dataclass
class FakeTools:
    """A directory on PATH, first; answers are tried in their order."""

    home: Path

    def add(self, name: str) -> None:
        path = self.home / "bin" / name
        path.write_text(PROGRAM.format(python=PYTHON, home=str(self.home)))
        path.chmod(0o755)

    def answer(
        self, to: str, says: str = "", code: int = 0, *, seconds: float = 0, copies: tuple[Path, Path] | None = None
    ) -> None:
        """to: what the arguments contain."""
        answers = json.loads((self.home / "answers").read_text())
        files = [str(one) for one in copies] if copies else []
        answers.append({"to": to, "says": says, "code": code, "seconds": seconds, "copies": files})
        (self.home / "answers").write_text(json.dumps(answers))

    @property
    def calls(self) -> list[list[str]]:
        path = self.home / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def make_fake_tools(home: Path, monkeypatch: pytest.MonkeyPatch) -> FakeTools:
    (home / "bin").mkdir(parents=True)
    (home / "answers").write_text("[]")
    monkeypatch.setenv("PATH", str(home / "bin"), prepend=":")
    return FakeTools(home)
