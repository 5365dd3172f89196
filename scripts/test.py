"""Runs the lanes of the tests, all of them whatever fails, and adds up what they report.

At the end come the tests that failed, each with the first line of its error, and those that
passed only at a second try. The last line is the sum: `N passed, N failed, N skipped`. A lane
that fails without naming a test (a linter, a crash) counts as one failure.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parent.parent


@dataclass
class Count:
    """What one lane says about its tests."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    #: What failed, or needed a second try: a line each.
    named: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


@dataclass
class Lane:
    """One command, and how to read what it leaves behind."""

    name: str
    command: list[str]
    read: Callable[[Path], Count] | None = None
    env: dict[str, str] = field(default_factory=dict)
    cwd: Path = TOP


#: Of an error, what the terminal's colours leave.
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
LINE_MAX = 240


def named(test: str, error: str) -> str:
    """A test and what it failed with, in one line."""
    lines = [line.strip() for line in COLOURS.sub("", error).splitlines() if line.strip()]
    return f"{test}: {' | '.join(lines[:3])}"[:LINE_MAX]


def pytest_count(report: Path) -> Count:
    """From pytest's JUnit file."""
    count = Count()
    for case in ET.parse(report).getroot().iter("testcase"):
        for bad in (*case.iter("failure"), *case.iter("error")):
            test = f"{case.get('classname')}::{case.get('name')}"
            count.named.append(named(test, bad.get("message") or bad.text or ""))
    for suite in ET.parse(report).getroot().iter("testsuite"):
        bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped = int(suite.get("skipped", 0))
        count.failed += bad
        count.skipped += skipped
        count.passed += int(suite.get("tests", 0)) - bad - skipped
    return count


def jest_count(report: Path) -> Count:
    """From `jest --json`; a suite that doesn't load has no tests to fail."""
    found = json.loads(report.read_text())
    names = []
    for suite in found["testResults"]:
        bad = [test for test in suite["assertionResults"] if test["status"] == "failed"]
        names += [named(test["fullName"], "\n".join(test["failureMessages"])) for test in bad]
        if suite["status"] == "failed" and not bad:
            names.append(named(suite["name"], suite["message"]))
    return Count(
        named=names,
        passed=found["numPassedTests"],
        failed=found["numFailedTests"] + found["numRuntimeErrorTestSuites"],
        skipped=found["numPendingTests"] + found["numTodoTests"],
    )


def specs(suites: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every test of Playwright's nested suites."""
    for suite in suites:
        yield from suite.get("specs", [])
        yield from specs(suite.get("suites", []))


def playwright_count(report: Path) -> Count:
    """From Playwright's JSON reporter; a test that passed at its second try has passed."""
    found = json.loads(report.read_text())
    stats = found["stats"]
    names = [named("playwright", error.get("message", "")) for error in found["errors"]]
    for spec in specs(found["suites"]):
        for test in spec["tests"]:
            if test["status"] in ("unexpected", "flaky"):
                errors = [e for result in test["results"] for e in result["errors"]]
                said = errors[0].get("message", "") if errors else ""
                title = f"{test['status']} {spec['file']}:{spec['line']} {spec['title']}"
                names.append(named(title, said))
    return Count(
        named=names,
        passed=stats["expected"] + stats["flaky"],
        failed=stats["unexpected"] + len(found["errors"]),
        skipped=stats["skipped"],
    )


def lanes(reports: Path, *, fast: bool) -> list[Lane]:
    """What to run, in order; each leaves its report as `<name>` in `reports`."""
    pytest = ["pytest", "-n", os.environ.get("PYTEST_WORKERS", "auto"), "--dist", "loadgroup"]
    if fast:
        pytest += ["-m", "not slow and not cluster"]
    found = [
        Lane("check", ["make", "check"]),
        Lane("pytest", [*pytest, f"--junitxml={reports}/pytest"], pytest_count),
        Lane("jest", ["jlpm", "test", "--json", f"--outputFile={reports}/jest"], jest_count),
    ]
    if fast:
        return found[1:]
    playwright = ["jlpm", "test", "--reporter=list,json"]
    server = [*playwright, "--config", "playwright.server.config.js"]
    for name, command in (("playwright", playwright), ("playwright at a server", server)):
        env = {"PLAYWRIGHT_JSON_OUTPUT_NAME": f"{reports}/{name}"}
        found.append(Lane(name, command, playwright_count, env, TOP / "ui-tests"))
    return found


def browser() -> dict[str, str]:
    """The environment in which Playwright finds a browser, and JupyterLab a free port."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        env = {"JUPYTER_MLOPS_UI_PORT": str(found.getsockname()[1])}
    try:
        path = subprocess.check_output([TOP / "scripts/browser"], text=True).strip()
    except subprocess.CalledProcessError:
        return env  # the lane says what is missing
    return env | ({"CHROMIUM_PATH": path} if path else {})


def run(lane: Lane, reports: Path) -> tuple[int, Count]:
    """Run one lane, its output going where ours goes."""
    print(f"\n==== {lane.name}", flush=True)
    env = os.environ | lane.env
    if lane.name.startswith("playwright"):
        env = browser() | env
    code = subprocess.run(
        lane.command, cwd=lane.cwd, env=env, stdin=subprocess.DEVNULL, check=False
    ).returncode
    count = Count()
    if lane.read:
        try:
            count = lane.read(reports / lane.name)
        except (OSError, ValueError, LookupError, ET.ParseError) as error:
            print(f"{lane.name} left no report: {error!r}")
            code = code or 1
    if code and not count.failed:
        count.failed = 1
    return code, count


def main() -> int:
    """Run the lanes; 1 when any of them failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fast", action="store_true", help="no checks, no browser, nothing slow")
    fast = parser.parse_args().fast
    total = Count()
    failing = False
    summary = []
    names: list[str] = []
    with tempfile.TemporaryDirectory(prefix="jupyter-mlops-reports-") as made:
        reports = Path(made)
        for lane in lanes(reports, fast=fast):
            started = time.monotonic()
            code, count = run(lane, reports)
            failing |= bool(code) or bool(count.failed)
            total.passed += count.passed
            total.failed += count.failed
            total.skipped += count.skipped
            names += count.named
            said = str(count) if lane.read else ("failed" if code else "passed")
            summary.append(f"{lane.name:<12}{said:<42}{time.monotonic() - started:6.0f} s")
    print("\n==== summary", *names, *summary, "", total, sep="\n", flush=True)
    return int(failing)


if __name__ == "__main__":
    sys.exit(main())
