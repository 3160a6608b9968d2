# SPDX-License-Identifier: Apache-2.0
"""Test vectors as JUnit XML, which CI services show. Source: the schema that Jenkins publishes, junit-10.xsd."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from sapmcu.emit.directory import write_files
from sapmcu.errors import UserError
from sapmcu.ir.run import Difference, TestRun, run_place


def render_junit(run: TestRun) -> str:
    """One suite, one test case a vector."""
    failures = sum(one.difference is not None for one in run.results)
    name = f"{run.identity.model} on {run.identity.core} {run_place(run)}"
    suite = ElementTree.Element(
        "testsuite",
        name=name,
        tests=str(len(run.results)),
        failures=str(failures),
        errors="0",
        time=f"{sum(one.seconds for one in run.results):.3f}",
    )
    for one in run.results:
        case = ElementTree.SubElement(
            suite, "testcase", classname=name, name=f"vector {one.vector}", time=f"{one.seconds:.3f}"
        )
        if one.difference is not None:
            text = describe_difference(one.difference)
            ElementTree.SubElement(case, "failure", message=text, type="difference")
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def describe_difference(difference: Difference) -> str:
    """One line."""
    op = "" if difference.op is None else f"; op {difference.op} is the first to differ"
    return (
        f"vector {difference.vector}: output {difference.output} byte {difference.index}: expected "
        f"{difference.expected}, got {difference.got}{op}"
    )


def write_junit(run: TestRun, path: Path) -> None:
    """Write the file, all of it or nothing. Raises: UserError."""
    data, hint = render_junit(run).encode(), "choose another with --junit, or free some space"
    if not path.is_symlink() and (path.is_file() or not path.exists()):
        write_files(path.parent, {path.name: data}, hint=hint)
        return
    try:
        path.write_bytes(data)  # a pipe or /dev/stdout
    except OSError as error:
        raise UserError(f"{path} can't be written: {error.strerror}", hint=hint) from error
