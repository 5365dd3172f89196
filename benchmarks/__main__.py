"""`python -m benchmarks`: measure, print, and keep the table in benchmarks/RESULTS.md."""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import subprocess
import tempfile
from pathlib import Path

import psutil

from benchmarks import cases, runs
from benchmarks.ours import Ours
from benchmarks.peers import Papermill, Scheduler, environment

HERE = Path(__file__).parent
CASES = ("single", "scheduler", "throughput", "growth", "submits", "imports", "logging", "runs")
#: Their peer is MLflow, which is here already.
_BESIDE_MLFLOW = ("logging", "runs")


def main() -> None:
    """Run the chosen cases."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("cases", nargs="*", help=f"some of {', '.join(CASES)}; all when left out")
    parser.add_argument("--slow", action="store_true", help="papermill on 1,000 cells: minutes")
    parser.add_argument("--no-write", action="store_true", help="leave RESULTS.md as it is")
    given = parser.parse_args()
    # With it, every process of either side compiles what it imports anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    chosen = given.cases or list(CASES)
    if unknown := [case for case in chosen if case not in CASES]:
        parser.error(f"no case {unknown[0]!r}")
    rows: list[cases.Row] = []
    with tempfile.TemporaryDirectory(prefix="mlops-bench-") as name:
        folder = Path(name)
        beside_peers = [case for case in chosen if case not in _BESIDE_MLFLOW]
        if beside_peers:
            rows += of_jobs(beside_peers, folder, slow=given.slow)
        if "logging" in chosen:
            with Ours(folder) as ours:
                rows += told(cases.logging(ours, folder))
        if "runs" in chosen:
            rows += told(runs.cases(folder))
    table = report(rows)
    print("\n" + table)
    if not given.no_write and not given.cases:
        (HERE / "RESULTS.md").write_text(table)


def of_jobs(chosen: list[str], folder: Path, *, slow: bool) -> list[cases.Row]:
    """Cases that need the peers' environment and a daemon that runs jobs."""
    python = environment(HERE.parent / ".venv-bench")
    papermill = Papermill(python, folder)
    rows: list[cases.Row] = []
    with Ours(folder) as ours:
        for case in chosen:
            if case == "single":
                found = cases.single(ours, papermill, folder)
            elif case == "scheduler":
                with Scheduler(python, folder) as scheduler:
                    found = cases.scheduler(ours, scheduler, folder)
            elif case == "throughput":
                found = cases.throughput(ours, papermill, folder)
            elif case == "growth":
                found = cases.growth(ours, python, papermill if slow else None, folder)
            elif case == "submits":
                found = cases.submits(ours, folder)
            else:
                found = cases.imports(ours)
            rows += told(found)
    return rows


def told(rows: list[cases.Row]) -> list[cases.Row]:
    """Rows, as soon as they are known."""
    for row in rows:
        print(f"{row.what}: {row.ours} | {row.peer} | {row.ratio} (wanted {row.wanted})")
    return rows


def report(rows: list[cases.Row]) -> str:
    """The table with the date, the commit and the machine."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        cwd=HERE,
        check=False,
    ).stdout.strip()
    memory = psutil.virtual_memory().total / 2**30
    lines = [
        "# Results",
        "",
        (
            f"{dt.datetime.now(tz=dt.UTC):%Y-%m-%d}, commit {commit or 'unknown'}, "
            f"Python {platform.python_version()}, {psutil.cpu_count()} cores, {memory:.0f} GB. "
            "Whole processes, interleaved with the peer, medians (smallest–largest). "
            "Ratios carry over to other machines, times don't."
        ),
        "",
        "| what | jupyter-mlops | peer | ratio | wanted |",
        "|---|---|---|---|---|",
        *(f"| {r.what} | {r.ours} | {r.peer} | {r.ratio} | {r.wanted} |" for r in rows),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
