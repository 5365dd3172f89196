"""jupyter-mlops, measured as its users run it: its own data directory, its own daemon."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import psutil

from benchmarks.measure import Memory, command


class Ours:
    """One daemon, up for the whole benchmark."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.outputs = folder / "outputs"
        os.environ["JUPYTER_MLOPS_DATA_DIR"] = str(self.data)
        # Imported after the variable is set: every path follows from it.
        from jupyter_mlops.client import Client

        self.client = Client()
        self._bin = Path(sys.executable).parent

    def __enter__(self) -> Self:
        self.client.status()
        return self

    def __exit__(self, *_: object) -> None:
        daemon = psutil.Process(self.pid)
        self.client.shutdown()
        daemon.wait(60)

    @property
    def pid(self) -> int:
        """The daemon's."""
        return int(self.client.status()["pid"])

    def command(self, notebook: Path, *, whole: bool) -> float:
        """Seconds of `jupyter mlops run`: until the notebook is saved, or the process ends."""
        outputs = self.outputs / f"{time.monotonic_ns()}"
        argv = [
            str(self._bin / "jupyter"), "mlops", "run", str(notebook),
            "-p", "x=2", "--output-dir", str(outputs),
        ]  # fmt: skip
        if whole:
            return command(argv)
        watcher = Saved(outputs, notebook.stem)
        watcher.start()
        start = time.perf_counter()
        command(argv)
        return watcher.result() - start

    def submit_to_saved(self, notebook: Path) -> float:
        """Seconds from the POST, as the command makes it, until the executed notebook is there."""
        outputs = self.outputs / f"{time.monotonic_ns()}"
        watcher = Saved(outputs, notebook.stem)
        watcher.start()
        start = time.perf_counter()
        job = self.client.submit(self.spec(notebook, output_dir=str(outputs)))
        saved = watcher.result() - start
        self.wait(job["id"])
        return saved

    def api(self, notebook: Path, **spec: Any) -> float:
        """Seconds from the POST until the executed notebook is saved and the job has ended."""
        start = time.perf_counter()
        job = self.client.submit(self.spec(notebook, **spec))
        self.wait(job["id"])
        return time.perf_counter() - start

    def spec(self, notebook: Path, **more: Any) -> dict[str, Any]:
        """A job specification for this notebook."""
        return {
            "notebook": str(notebook),
            "parameters": {"x": 2},
            "output_dir": str(self.outputs),
            **more,
        }

    def wait(self, job_id: str) -> dict[str, Any]:
        """The job as it ended; anything but success raises."""
        for event in self.client.job_events(job_id, follow=True):
            if event is not None and event.get("type") == "job":
                return checked(event["job"])
        raise RuntimeError(f"the events of {job_id} ended without the job")

    def burst(self, notebook: Path, count: int) -> float:
        """Seconds until `count` jobs submitted at once have ended."""
        start = time.perf_counter()
        submitted = [
            self.client.submit(self.spec(notebook, parameters={"x": n}))["id"] for n in range(count)
        ]
        going = ("queued", "starting", "running")
        while sum(self.client.jobs(states=going, limit=1)["counts"].get(s, 0) for s in going):
            time.sleep(0.1)  # a question costs what a tenth of a job costs
        seconds = time.perf_counter() - start
        for job_id in submitted:
            checked(self.client.job(job_id))
        return seconds

    def peak_of_burst(self, notebook: Path, count: int) -> int:
        """The daemon tree's peak PSS in bytes, in a burst of its own: looking costs time."""
        memory = Memory(self.pid)
        with memory_sampled(memory):
            self.burst(notebook, count)
        return memory.peak


class Saved(threading.Thread):
    """Notes when the executed notebook appears below a folder that isn't there yet."""

    def __init__(self, folder: Path, stem: str) -> None:
        super().__init__(daemon=True)
        self._folder = folder
        self._stem = stem
        self._at: float | None = None

    def run(self) -> None:
        """Look every millisecond."""
        deadline = time.monotonic() + 120
        while self._at is None and time.monotonic() < deadline:
            if any(self._folder.glob(f"*/{self._stem}.ipynb")):
                self._at = time.perf_counter()
            else:
                time.sleep(0.001)

    def result(self) -> float:
        """`perf_counter` of that moment."""
        self.join(10)
        if self._at is None:
            raise RuntimeError("the executed notebook never appeared")
        return self._at


def checked(job: dict[str, Any]) -> dict[str, Any]:
    """The job, if it succeeded: a fast failure is no result."""
    if job["state"] != "succeeded":
        raise RuntimeError(f"{job['id']}: {job['state']}: {job['failure']}")
    return job


@contextlib.contextmanager
def memory_sampled(memory: Memory) -> Iterator[None]:
    """Sample twice a second while the block runs: looking costs CPU, too."""
    stop = threading.Event()

    def sample() -> None:
        while not stop.wait(0.5):
            memory.sample()

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
