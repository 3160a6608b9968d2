# SPDX-License-Identifier: Apache-2.0
"""What all exports share: the sources, built for any core, give the bytes of the project's own firmware."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from exported import CORES, WITH_DSP, WITH_MVE, write_converted, write_converted_by_rows, write_export
from firmware_project import C_OPTIONS, run

from sapmcu.build.firmware import build_firmware
from sapmcu.build.project import load_project
from sapmcu.emit.native_app import APP_SOURCES
from sapmcu.errors import UserError
from sapmcu.firmware_files import firmware_dir
from sapmcu.run.session import Firmware, target_of, test_vectors
from sapmcu.vectors import load_vectors

DSP_ONLY = re.compile(r"\t(smlad|smlald|sxtb16|smmlar|qadd|ssub8)\b")
MVE_ONLY = re.compile(r"\t(vmladav\w*|vmlav\w*|vldrb|wlstp|dlstp)\.\w+\b")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_converted(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def library(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that is searched for headers, and whose .c files are all built."""
    return write_export(project, tmp_path_factory.mktemp("out") / "library", "arduino") / "src"


def names(directory: Path, pattern: str) -> list[str]:
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob(pattern))


def compiled(library: Path, core: str, out: Path, *options: str) -> dict[str, Path]:
    """Every source compiled, warnings as errors: path -> object."""
    objects = {}
    for source in names(library, "*.c"):
        target = out / f"{source}.o"
        target.parent.mkdir(parents=True, exist_ok=True)
        command = ["arm-none-eabi-gcc", *CORES[core], *C_OPTIONS, "-O2", *options, "-I."]
        run([*command, "-c", source, "-o", target], cwd=library)
        objects[source] = target
    return objects


def definitions(objects: dict[str, Path]) -> list[str]:
    """Global functions, as often as they are defined."""
    listed = run(["arm-none-eabi-nm", "--defined-only", "-g", *objects.values()])
    return sorted(line.split()[2] for line in listed.splitlines() if " T " in line)


def test_it_has_the_kernels_that_the_model_names_for_any_core(library: Path) -> None:
    named = set(re.findall(r"\bsapmcu_\w+", (library / "sapmcu_residual.c").read_text()))
    kernels = {name for name in named if (firmware_dir() / f"kernels/{name}.c").is_file()}
    assert kernels
    for name in kernels:
        assert (library / f"kernels/{name}.c").is_file()
        if (firmware_dir() / f"kernels/dsp/{name}.c").is_file():
            assert (library / f"kernels/dsp/{name}_dsp.c").is_file()
    assert not [name for name in names(library, "*.c") if "softmax" in name or "pool" in name]


def test_it_has_nothing_of_the_application(library: Path) -> None:
    assert not {*APP_SOURCES, "models.c"} & {*names(library, "*")}
    assert not [name for name in names(library, "*") if name.startswith(("port/", "freestanding/"))]


def test_no_two_sources_share_a_name(library: Path) -> None:
    """`ar r` replaces a member by another of its name."""
    stems = [Path(name).name for name in names(library, "*.c")]
    assert len(set(stems)) == len(stems)


def test_every_header_is_found_from_the_only_directory_that_is_searched(library: Path) -> None:
    for path in library.rglob("*.[ch]"):
        for header in re.findall(r'^#include "([^"]+)"', path.read_text(), re.MULTILINE):
            assert (library / header).is_file() or (path.parent / header).is_file(), (path, header)


@pytest.mark.parametrize("from_board", ["nucleo_f446re", "nucleo_h743zi2"])
def test_boards_with_the_same_extensions_give_the_same_library(tmp_path: Path, library: Path, from_board: str) -> None:
    other = write_export(write_converted(tmp_path / "project", from_board), tmp_path / "out", "arduino") / "src"
    assert {name: (other / name).read_bytes() for name in names(other, "*.[ch]")} == {
        name: (library / name).read_bytes() for name in names(library, "*.[ch]")
    }


@pytest.mark.needs("arm-none-eabi-gcc")
@pytest.mark.parametrize("core", CORES)
def test_each_core_gets_one_of_a_kernel_and_its_twin(tmp_path: Path, library: Path, core: str) -> None:
    objects = compiled(library, core, tmp_path)
    found = definitions(objects)
    assert len(set(found)) == len(found) and "sapmcu_conv2d_row_s8" in found
    code = run(["arm-none-eabi-objdump", "-d", *objects.values()])
    assert bool(DSP_ONLY.search(code)) == (core in WITH_DSP)
    assert bool(MVE_ONLY.search(code)) == (core in WITH_MVE)


@pytest.mark.needs("arm-none-eabi-gcc")
def test_dsp_can_be_left_out(tmp_path: Path, library: Path) -> None:
    objects = compiled(library, "cortex-m4", tmp_path, "-DSAPMCU_PORTABLE")
    assert not DSP_ONLY.search(run(["arm-none-eabi-objdump", "-d", *objects.values()]))
    assert "sapmcu_conv2d_row_s8" in definitions(objects)


@pytest.mark.needs("gcc")
def test_an_old_compiler_gets_the_portable_kernels(library: Path) -> None:
    """Arduino's Mbed core brings gcc 7, whose arm_acle.h lacks the intrinsics."""
    for version, expected in (("7", "0"), ("9", "0"), ("10", "1"), ("12", "1")):
        macros = ("-D__ARM_FEATURE_DSP=1", "-D__ARM_FEATURE_SIMD32=1", "-U__GNUC__", f"-D__GNUC__={version}")
        done = subprocess.run(
            ["gcc", "-w", *macros, "-I.", "-E", "-P", "-"],
            input='#include "sapmcu/twins.h"\nSAPMCU_TAKES_DSP',
            cwd=library,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.split()[-1] == expected, version


@pytest.mark.needs("arm-none-eabi-gcc", "unicorn", "qemu-system-arm")
@pytest.mark.parametrize(
    ("converted_for", "board", "emulator"),
    [
        ("nucleo_f446re", "nucleo_f446re", "unicorn"),
        ("nucleo_f446re", "bbc_microbit", "unicorn"),
        ("nucleo_f446re", "mps2_an385", "unicorn"),
        ("nucleo_f446re", "mps3_an547", "qemu"),
        ("bbc_microbit", "nucleo_f446re", "unicorn"),
        ("mps3_an547", "nucleo_f446re", "unicorn"),
    ],
)
def test_a_library_of_any_board_gives_the_right_bytes_on_cores_of_each_kind(
    tmp_path: Path, library: Path, converted_for: str, board: str, emulator: str
) -> None:
    """The project's application around the library's sources in place of its own."""
    if converted_for != "nucleo_f446re":
        other = write_converted(tmp_path / "other", converted_for)
        library = write_export(other, tmp_path / "library", "arduino") / "src"
    write_converted(tmp_path, board)
    firmware = tmp_path / "firmware"
    before = load_project(firmware)
    for name in names(library, "*.[ch]"):
        (firmware / "library" / name).parent.mkdir(parents=True, exist_ok=True)
        (firmware / "library" / name).write_bytes((library / name).read_bytes())
    model = "library/sapmcu_residual.c"
    sources = [f"library/{name}" for name in names(library, "*.c")]
    after = replace(
        before,
        sources=("models.c", *sources, *APP_SOURCES),
        model_sources=("models.c", model),
        includes=("library", *before.includes),
    )
    (firmware / "build.json").write_bytes(after.to_json())
    built = Firmware(load_project(firmware), build_firmware(tmp_path, "gcc", target=target_of(emulator)))
    done = test_vectors(built, emulator, load_vectors(tmp_path))
    assert len(done.results) >= 3 and done.first_difference is None


def test_kernels_of_another_version_are_refused(tmp_path: Path) -> None:
    project = write_converted(tmp_path / "project")
    kernel = project / "firmware/kernels/dsp/sapmcu_conv2d_row_s8.c"
    kernel.write_text(kernel.read_text() + "\n")
    with pytest.raises(UserError, match="aren't those of this sapmcu") as caught:
        write_export(project, tmp_path / "out", "cmake")
    assert caught.value.details == ("kernels/dsp/sapmcu_conv2d_row_s8.c",)
    assert not (tmp_path / "out").exists()


def test_the_same_project_gives_the_same_bytes(tmp_path: Path, project: Path) -> None:
    for kind in ("cmake", "zephyr", "arduino", "platformio"):
        first, second = (write_export(project, tmp_path / f"{kind}{number}", kind) for number in range(2))
        assert {name: (first / name).read_bytes() for name in names(first, "*") if (first / name).is_file()} == {
            name: (second / name).read_bytes() for name in names(second, "*") if (second / name).is_file()
        }


@pytest.mark.needs("gcc")
@pytest.mark.parametrize(
    "write", [write_converted, write_converted_by_rows, partial(write_converted_by_rows, gives_rows=True)]
)
def test_the_selftest_sees_a_wrong_byte(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    out = write_export(write(tmp_path / "project"), tmp_path / "out", "cmake")
    sources = [f"src/{name}" for name in names(out / "src", "*.c")]
    command = ["gcc", *C_OPTIONS, "-O1", "-fsanitize=address,undefined", "-Isrc", *sources, "example/main.c"]
    run([*command, "example/selftest.c", "-o", "selftest"], cwd=out)
    assert run([out / "selftest"]) == "residual: outputs equal\n"
    vector = out / "example/vector.h"
    head, output = vector.read_text().split("selftest_output_0[32] = {\n")
    first = int(output.split(",", 1)[0])
    wrong = f"selftest_output_0[32] = {{\n    {first ^ 1},{output.split(',', 1)[1]}"
    vector.write_text(head + wrong)
    run([*command, "example/selftest.c", "-o", "selftest"], cwd=out)
    done = subprocess.run([out / "selftest"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "residual: outputs differ\n")
