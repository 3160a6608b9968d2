# SPDX-License-Identifier: Apache-2.0
"""The command that looks for tools: doctor."""

from __future__ import annotations

from pathlib import Path

import click

from sapmcu.cli.firmware import TFLM
from sapmcu.cli.group import JSON, cli


@cli.command()
@click.option("--for", "needs", multiple=True, metavar="NEED", help="Fail if it isn't met: build, flash ...; repeat.")
@TFLM
@JSON
def doctor(needs: tuple[str, ...], tflm: Path | None, as_json: bool) -> None:
    """List the tools that sapmcu uses: versions, what is missing for what, and how to get it."""
    from sapmcu.doctor import NEEDS, check_needs, diagnose
    from sapmcu.report.doctor import doctor_json, render_doctor
    from sapmcu.report.json import json_text

    names = [need.name for need in NEEDS]
    for need in needs:
        if need not in names:
            raise click.UsageError(f"--for takes {', '.join(names)}; not {need}")
    found = diagnose(tflm)
    click.echo(json_text(doctor_json(found)) if as_json else render_doctor(found))
    check_needs(found, needs)
