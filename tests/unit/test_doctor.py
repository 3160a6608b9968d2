# SPDX-License-Identifier: Apache-2.0
"""What `sapmcu doctor` finds, with and without tools."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command import sapmcu
from fake_tools import FakeTools, make_fake_tools

from sapmcu import doctor as module
from sapmcu.doctor import NEEDS, PACKAGES, check_needs, diagnose
from sapmcu.errors import ToolError
from sapmcu.flash import probes as usb
from sapmcu.report.doctor import doctor_json, render_doctor


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No command anywhere, no USB, no variables."""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "empty" / "python"))
    monkeypatch.setattr(usb, "USB_DEVICES", tmp_path / "no-usb")
    monkeypatch.delenv("SAPMCU_TFLM", raising=False)
    monkeypatch.delenv("SAPMCU_RENODE", raising=False)


@pytest.fixture
def tools(bare: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeTools:
    return make_fake_tools(tmp_path / "fakes", monkeypatch)


def test_versions_are_what_the_tools_say(tools: FakeTools) -> None:
    for name in ("arm-none-eabi-gcc", "openocd", "st-flash", "JLinkExe"):
        tools.add(name)
    tools.answer("--version", "arm-none-eabi-gcc (15:12.2.rel1-1) 12.2.1 20221205\nCopyright (C) 2022")
    parts = diagnose(None).parts
    assert {parts[name].version for name in ("arm-none-eabi-gcc", "openocd", "st-flash")} == {"12.2.1"}
    assert parts["JLinkExe"].version == "there"  # it has no option for it
    assert not parts["dfu-util"].is_there and "apt install dfu-util" in parts["dfu-util"].get


def test_a_tool_that_is_too_old_is_none(tools: FakeTools) -> None:
    tools.add("openocd")
    tools.answer("--version", "Open On-Chip Debugger 0.10.0")
    part = diagnose(None).parts["openocd"]
    assert not part.is_there and "is version 0.10.0, 0.11 is needed; Debian" in part.get


def test_a_tool_that_does_not_start_is_told(tools: FakeTools) -> None:
    (tools.home / "bin" / "openocd").write_text("#!/no/such/interpreter\n")
    (tools.home / "bin" / "openocd").chmod(0o755)
    assert "doesn't start: " in (diagnose(None).parts["openocd"].version or "")


def test_one_of_several_tools_is_enough(tools: FakeTools, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PACKAGES", {**PACKAGES, "ziglang": ("no_such_module", "pip install ziglang")})
    for name in ("build", "flash"):
        with pytest.raises(ToolError, match=f"something is missing for {name}") as caught:
            check_needs(diagnose(None), [name])
        assert caught.value.exit_code == 3 and " or " in caught.value.details[0]
    tools.add("arm-none-eabi-gcc")
    tools.add("dfu-util")
    tools.answer("--version", "1.2.3")
    check_needs(diagnose(None), ["build", "flash"])


@pytest.mark.usefixtures("bare")
def test_each_missing_thing_says_how_to_get_it() -> None:
    diagnosis = diagnose(None)
    for need in NEEDS:
        for group in need.parts:
            assert all(diagnosis.parts[name].get for name in group)
    said = doctor_json(diagnosis)
    (qemu,) = (one for one in said["needs"] if one["name"] == "qemu")
    assert qemu["is_met"] is False
    assert qemu["missing"] == [{"one_of": ["qemu-system-arm"], "get": "Debian, Ubuntu: apt install qemu-system-arm"}]
    page = render_doctor(diagnosis, width=200)
    assert "apt install qemu-system-arm" in page and page.rstrip().endswith("nothing")


def test_every_part_is_for_something() -> None:
    diagnosis = diagnose(None)
    assert all(diagnosis.uses(name) for name in diagnosis.parts)


@pytest.mark.usefixtures("bare")
def test_a_tflm_directory_that_holds_no_library_is_told(tmp_path: Path) -> None:
    part = diagnose(tmp_path).parts["TFLM library"]
    assert not part.is_there and "holds no libtensorflow-microlite.a" in part.get


def test_it_runs_where_only_the_core_of_sapmcu_is_installed(tmp_path: Path) -> None:
    """Its imports must not need what it is to report as missing."""
    for module_name in {name for name, _ in PACKAGES.values()} - {"serial"}:  # that lists ports where it is there
        (tmp_path / f"{module_name}.py").write_text("raise ImportError('not here')")
    code = "from sapmcu.doctor import diagnose; print(len(diagnose(None).needs))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), *sys.path)), "PATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == f"{len(NEEDS)}\n", done.stderr


@pytest.mark.usefixtures("bare")
def test_the_keys_of_the_json_stay(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    done = sapmcu(capsys, monkeypatch, "doctor", "--json")
    said = json.loads(done.out)
    assert done.code == 0 and list(said) == ["schema", "needs", "parts", "connected"]
    assert list(said["needs"][0]) == ["name", "what", "is_met", "missing"]
    assert list(said["parts"][0]) == ["name", "version", "place", "for", "get"]


@pytest.mark.usefixtures("bare")
def test_a_need_that_is_not_met_fails(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    done = sapmcu(capsys, monkeypatch, "doctor", "--for", "qemu", "--for", "tflm")
    assert done.code == 3 and "hint: Debian, Ubuntu: apt install qemu-system-arm; " in done.err
    assert "  qemu (run firmware in QEMU, by a UART, too) needs qemu-system-arm\n" in done.err
    done = sapmcu(capsys, monkeypatch, "doctor", "--for", "convert")
    assert done.code == 0
    done = sapmcu(capsys, monkeypatch, "doctor", "--for", "everything")
    assert done.code == 2 and "--for takes convert, prove" in done.err
