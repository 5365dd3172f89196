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

from benchmarks import cases
from benchmarks.ours import Ours
from benchmarks.peers import Papermill, Scheduler, environment

HERE = Path(__file__).parent
CASES = ("single", "scheduler", "throughput", "growth", "submits", "imports")


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
    python = environment(HERE.parent / ".venv-bench")
    rows: list[cases.Row] = []
    with tempfile.TemporaryDirectory(prefix="mlops-bench-") as name:
        folder = Path(name)
        papermill = Papermill(python, folder)
        with Ours(folder) as ours:
            for case in chosen:
                before = len(rows)
                if case == "single":
                    rows += cases.single(ours, papermill, folder)
                elif case == "scheduler":
                    with Scheduler(python, folder) as scheduler:
                        rows += cases.scheduler(ours, scheduler, folder)
                elif case == "throughput":
                    rows += cases.throughput(ours, papermill, folder)
                elif case == "growth":
                    rows += cases.growth(ours, python, papermill if given.slow else None, folder)
                elif case == "submits":
                    rows += cases.submits(ours, folder)
                elif case == "imports":
                    rows += cases.imports(ours)
                else:
                    parser.error(f"no case {case!r}")
                for row in rows[before:]:
                    print(
                        f"{row.what}: {row.ours} | {row.peer} | {row.ratio} (wanted {row.wanted})"
                    )
    table = report(rows)
    print("\n" + table)
    if not given.no_write and not given.cases:
        (HERE / "RESULTS.md").write_text(table)


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
