"""`doctor`: check the installation and say how to mend it."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable

from jupyter_mlops.cli.checks import installation, machine, service, space
from jupyter_mlops.cli.checks.finding import Finding, problem
from jupyter_mlops.cli.console import Console, clean, one_line, pad
from jupyter_mlops.cli.options import Given

#: In the order in which one would mend them.
CHECKS: tuple[Callable[[], list[Finding]], ...] = (
    installation.python,
    installation.packages,
    installation.command,
    installation.lab_extension,
    installation.server_extension,
    installation.kernels,
    machine.data_directory,
    machine.sockets,
    machine.limits,
    machine.clock,
    machine.gpus,
    service.store,
    service.daemon,
    service.mlflow,
    space.rebuilt_environments,
    space.copies_of_data,
)


def doctor(_given: Given, console: Console) -> int:
    """Check everything; 1 when there is a problem, warnings are none."""
    findings: list[Finding] = []
    for check in CHECKS:
        found = _run(check)
        findings += found
        if not console.json:
            for finding in found:
                _show(console, finding)
    problems = sum(finding.status == "problem" for finding in findings)
    warnings = sum(finding.status == "warning" for finding in findings)
    if console.json:
        document = {
            "ok": not problems,
            "problems": problems,
            "warnings": warnings,
            "checks": [finding._asdict() for finding in findings],
        }
        console.data(json.dumps(document) + "\n")
    else:
        console.say()
        console.say(_verdict(problems, warnings))
    return 1 if problems else 0


def _run(check: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - a check that breaks is a finding; others still run
        name = check.__name__.replace("_", " ")
        detail = f"The check itself failed: {type(error).__name__}: {one_line(error)}"
        return [problem(name, detail, "jupyter mlops doctor --debug, and report it.")]


def _show(console: Console, finding: Finding) -> None:
    signs = {
        "ok": console.paint(console.sign("✔", "ok"), "green"),
        "warning": console.paint(console.sign("!", "! "), "yellow", "bold"),
        "problem": console.paint(console.sign("✘", "x "), "red", "bold"),
    }
    first, *more = clean(finding.detail).split("\n")
    console.say(f"{signs[finding.status]} {pad(finding.name, 16)}  {first}")
    indent = " " * (20 if console.unicode else 21)
    for line in more:
        console.say(f"{indent}{line}")
    if finding.mend:
        console.say(textwrap.indent(console.paint(clean(finding.mend), "bold"), indent))


def _verdict(problems: int, warnings: int) -> str:
    if not problems and not warnings:
        return "Everything is as it should be."
    counts = [
        f"{count} {noun}{'' if count == 1 else 's'}"
        for count, noun in ((problems, "problem"), (warnings, "warning"))
        if count
    ]
    return f"{' and '.join(counts)}; what mends each stands below it."
