"""What is measured, each case as rows of a table: what, ours, peer, ratio, wanted."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks import logging_points, notebooks
from benchmarks.measure import READINGS, Readings, exponent, interleaved
from benchmarks.ours import Ours
from benchmarks.peers import Papermill, Scheduler, nbclient


@dataclass
class Row:
    """One line of the report; `wanted` is what the project promises."""

    what: str
    ours: str
    peer: str
    ratio: str
    wanted: str


def _row(what: str, ours: Readings, peer: Readings, wanted: str) -> Row:
    return Row(
        what,
        f"{ours.median * 1000:,.0f} ms ({ours.spread})",
        f"{peer.name} {peer.median * 1000:,.0f} ms ({peer.spread})",
        f"{peer.median / ours.median:.1f}×",
        wanted,
    )


def single(ours: Ours, papermill: Papermill, folder: Path) -> list[Row]:
    """From the submit to the saved result, and the whole command, against papermill's command."""
    rows = []
    for what, notebook, wanted in (
        ("3 cells", notebooks.three_cells(folder), "≥ 25×"),
        ("pandas and sklearn.ensemble", notebooks.imports(folder), "≥ 20×"),
    ):
        ours.command(notebook, whole=True)  # a warm parent with these imports boots now
        time.sleep(8)
        found = interleaved(
            {
                "submit": lambda notebook=notebook: ours.submit_to_saved(notebook),
                "saved": lambda notebook=notebook: ours.command(notebook, whole=False),
                "whole": lambda notebook=notebook: ours.command(notebook, whole=True),
                "papermill": lambda notebook=notebook: papermill.cli(notebook),
            }
        )
        peer = found["papermill"]
        rows.append(_row(f"{what}: submit → saved notebook", found["submit"], peer, wanted))
        rows.append(_row(f"{what}: command → saved notebook", found["saved"], peer, "—"))
        rows.append(_row(f"{what}: whole command", found["whole"], peer, "—"))
    return rows


def scheduler(ours: Ours, peer: Scheduler, folder: Path) -> list[Row]:
    """POST → ended against jupyter-scheduler."""
    notebook = notebooks.three_cells(folder)
    found = interleaved(
        {
            "ours": lambda: ours.api(notebook),
            "jupyter-scheduler": lambda: peer.run(notebook),
        }
    )
    return [_row("3 cells: POST → ended", found["ours"], found["jupyter-scheduler"], "≥ 15×")]


def throughput(ours: Ours, papermill: Papermill, folder: Path) -> list[Row]:
    """200 jobs as fast as the queue allows against a loop over papermill's API."""
    notebook = notebooks.three_cells(folder)
    peak = ours.peak_of_burst(notebook, 200)
    mine, theirs = [], []
    for _ in range(3):
        mine.append(ours.burst(notebook, 200))
        theirs.append(papermill.loop(notebook, 20))
    rate = 200 / statistics.median(mine) * 60
    peer = 20 / statistics.median(seconds for seconds, _ in theirs) * 60
    return [
        Row(
            "200 jobs of 3 cells",
            f"{rate:,.0f} a minute, peak {peak / 2**20:,.0f} MB",
            f"papermill loop {peer:,.0f} a minute, "
            f"peak {max(peak for _, peak in theirs) / 2**20:,.0f} MB",
            f"{rate / peer:.1f}×",
            "≥ 20×",
        )
    ]


def growth(ours: Ours, python: Path, papermill: Papermill | None, folder: Path) -> list[Row]:
    """Large notebooks; papermill's own takes minutes and is asked for by `--slow`."""
    rows = []
    thousand = notebooks.many_cells(folder, 1000)
    found = interleaved(
        {
            "ours": lambda: ours.api(thousand),
            "nbclient": lambda: nbclient(python, thousand, folder),
        },
        readings=3,
    )
    rows.append(_row("1,000 cells (n = 3)", found["ours"], found["nbclient"], "≥ 2×"))
    if papermill is not None:
        seconds = papermill.cli(thousand)
        rows.append(
            Row(
                "1,000 cells",
                f"{found['ours'].median:,.1f} s",
                f"papermill {seconds:,.0f} s (n = 1)",
                f"{seconds / found['ours'].median:.0f}×",
                "≥ 50×",
            )
        )
    daemon = psutil.Process(ours.pid)
    before = daemon.memory_info().rss
    pairs = (
        (
            "1,000 → 5,000 cells",
            (1000, 5000),
            (thousand, notebooks.many_cells(folder, 5000)),
        ),
        (
            "1 → 20 MB printed",
            (1, 20),
            (notebooks.much_output(folder, 1), notebooks.much_output(folder, 20)),
        ),
    )
    for what, sizes, files in pairs:
        small, large = (statistics.median(ours.api(file) for _ in range(3)) for file in files)
        rows.append(
            Row(
                what,
                f"{small:.2f} → {large:.2f} s",
                "—",
                f"exponent {exponent(sizes, (small, large)):.2f}",
                "≤ 1.1",
            )
        )
    after = daemon.memory_info().rss
    rows.append(
        Row(
            "daemon memory over these",
            f"{before / 2**20:.0f} → {after / 2**20:.0f} MB",
            "—",
            "—",
            "flat",
        )
    )
    return rows


def submits(ours: Ours, folder: Path) -> list[Row]:
    """Durable acknowledgement with 50 clients, each submitting once a second; 1,000 at once."""
    from jupyter_mlops.client import Client

    notebook = notebooks.three_cells(folder)

    def client(number: int) -> list[float]:
        mine = Client()
        mine.status()
        time.sleep(number / 50)
        seconds = []
        for _ in range(4):
            start = time.perf_counter()
            # Held back, so that running notebooks don't take the two cores of the machine.
            mine.submit(ours.spec(notebook, resources={"cpus": 1.0}))
            seconds.append(time.perf_counter() - start)
            time.sleep(max(0.0, 1.0 - seconds[-1]))
        return seconds

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        taken = [second for found in pool.map(client, range(50)) for second in found]
    drain(ours)

    def one(_: int) -> str:
        return str(Client().submit(ours.spec(notebook))["id"])

    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        start = time.perf_counter()
        ids = set(pool.map(one, range(1000)))
        seconds = time.perf_counter() - start
    listed = {job["id"] for job in ours.client.all_jobs(limit=500)}
    cancel_all(ours)
    return [
        Row(
            "submit acknowledged, 50 clients",
            f"median {statistics.median(taken) * 1000:.1f} ms, "
            f"p99 {sorted(taken)[int(len(taken) * 0.99) - 1] * 1000:.0f} ms",
            "—",
            "—",
            "< 20 ms",
        ),
        Row(
            "1,000 concurrent submits",
            f"{len(ids & listed)} of 1,000 kept, {seconds:.1f} s",
            "—",
            "—",
            "1,000",
        ),
    ]


def logging(ours: Ours, folder: Path) -> list[Row]:
    """`mlops.log` against `mlflow.log_metric`, into SQLite and over HTTP."""
    while ours.client.status()["tracking"].get("store") == "preparing":
        time.sleep(0.1)
    made = ours.data / "mlflow" / "mlflow.db"
    uri = logging_points.store(folder / "sqlite", made)
    embedded, sqlite = logging_points.compared(uri)
    with logging_points.Server(folder / "server", made) as server:
        remote, http = logging_points.compared(server.uri, **server.ours)
    rows = []
    for what, mine, peer, rate in (
        ("SQLite", embedded, sqlite, "≥ 300×"),
        ("HTTP", remote, http, "≥ 50×"),
    ):
        rows += [
            Row(
                f"a call of log, {what}: {name}",
                f"{getattr(mine, part) * 1e6:.2f} µs",
                f"log_metric {getattr(peer, part) * 1e6:,.0f} µs",
                f"{getattr(peer, part) / getattr(mine, part):,.0f}×",
                wanted,
            )
            for name, part, wanted in (("median", "median", "≥ 5,000×"), ("p99", "p99", "≥ 500×"))
        ]
        rows.append(
            Row(
                f"points a second until recorded, {what}",
                f"{mine.rate:,.0f}",
                f"log_metric {peer.rate:,.0f}",
                f"{mine.rate / peer.rate:,.0f}×",
                rate,
            )
        )
    return rows


def imports(_: Ours) -> list[Row]:
    """What `%load_ext jupyter_mlops` adds to a kernel, as CPU time beside `import papermill`."""
    program = (
        "import sys, time, json\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "start = time.process_time()\n"
        "exec(sys.argv[1])\n"
        "print(json.dumps(time.process_time() - start))\n"
    )

    def cost(statement: str) -> float:
        done = subprocess.run(
            [sys.executable, "-c", program, statement], check=True, capture_output=True, text=True
        )
        return float(json.loads(done.stdout.strip().splitlines()[-1]))

    found = interleaved(
        {
            "ours": lambda: cost("shell.run_line_magic('load_ext', 'jupyter_mlops')"),
            "import papermill": lambda: cost("import papermill"),
        },
        READINGS,
    )
    mine, peer = found["ours"], found["import papermill"]
    return [
        Row(
            "%load_ext jupyter_mlops, CPU",
            f"{mine.median * 1000:.1f} ms",
            f"import papermill {peer.median * 1000:,.0f} ms",
            f"{mine.median / peer.median:.1%}",
            "< 5 %",
        )
    ]


def drain(ours: Ours) -> None:
    """Wait until nothing is queued or running."""
    while ours.client.jobs(states=("queued", "starting", "running"), limit=1)["jobs"]:
        time.sleep(0.1)


def cancel_all(ours: Ours) -> None:
    """End whatever is still queued."""
    from jupyter_mlops.errors import Conflict

    for job in list(ours.client.all_jobs(states=("queued", "starting", "running"), limit=500)):
        with contextlib.suppress(Conflict):  # it has just ended
            ours.client.cancel(job["id"])
    drain(ours)
