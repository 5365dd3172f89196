"""The peers, each as its users run it. They live in an environment of their own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.measure import command

#: Packages of the peers' environment.
PACKAGES = ["papermill", "ipykernel", "jupyterlab", "jupyter-scheduler", "pandas", "scikit-learn"]


def environment(folder: Path) -> Path:
    """The peers' interpreter; their environment is made on first use."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, *PACKAGES], check=True)
    return python


class Papermill:
    """papermill: its command, and its API in a warm process."""

    def __init__(self, python: Path, folder: Path) -> None:
        self._python = python
        self._out = folder / "papermill-out.ipynb"
        self._folder = folder

    def cli(self, notebook: Path) -> float:
        """Seconds of `papermill IN OUT`, whole process."""
        executable = self._python.parent / "papermill"
        return command(
            [str(executable), str(notebook), str(self._out), "-p", "x", "2", "--no-progress-bar"]
        )

    def loop(self, notebook: Path, count: int) -> tuple[float, int]:
        """Seconds for `count` runs of the API in one process, and its tree's peak PSS.

        The peak is that of as many runs again: looking costs time.
        """
        program = (
            "import sys, time, json, threading, papermill, psutil\n"
            "notebook, out, count = sys.argv[1], sys.argv[2], int(sys.argv[3])\n"
            "run = lambda i: papermill.execute_notebook(\n"
            "    notebook, out, parameters={'x': i}, progress_bar=False)\n"
            "run(0)\n"
            "start = time.perf_counter()\n"
            "for i in range(count): run(i)\n"
            "seconds = time.perf_counter() - start\n"
            "me, peak, going = psutil.Process(), 0, True\n"
            "def watch():\n"
            "    global peak\n"
            "    while going:\n"
            "        total = 0\n"
            "        for p in [me, *me.children(recursive=True)]:\n"
            "            try: total += p.memory_full_info().pss\n"
            "            except psutil.Error: pass\n"
            "        peak = max(peak, total); time.sleep(0.5)\n"
            "thread = threading.Thread(target=watch); thread.start()\n"
            "for i in range(count): run(i)\n"
            "going = False; thread.join()\n"
            "print(json.dumps([seconds, peak]))\n"
        )
        done = subprocess.run(
            [str(self._python), "-c", program, str(notebook), str(self._out), str(count)],
            check=True,
            capture_output=True,
            text=True,
            cwd=self._folder,
        )
        seconds, peak = json.loads(done.stdout.strip().splitlines()[-1])
        return float(seconds), int(peak)


def nbclient(python: Path, notebook: Path, folder: Path) -> float:
    """Seconds of nbclient's API for one notebook in a process that has it imported."""
    program = (
        "import sys, time, nbformat, nbclient\n"
        "nb = nbformat.read(sys.argv[1], 4)\n"
        "start = time.perf_counter()\n"
        "nbclient.NotebookClient(nb, timeout=None).execute()\n"
        "nbformat.write(nb, sys.argv[2])\n"
        "print(time.perf_counter() - start)\n"
    )
    done = subprocess.run(
        [str(python), "-c", program, str(notebook), str(folder / "nbclient-out.ipynb")],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout.strip().splitlines()[-1])


class Scheduler:
    """jupyter-scheduler in a Jupyter server of its own."""

    TOKEN = "benchmark"

    def __init__(self, python: Path, folder: Path) -> None:
        self._python = python
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]

    def __enter__(self) -> Self:
        environment = {
            **os.environ,
            "JUPYTER_DATA_DIR": str(self._folder / "scheduler-data"),
            "JUPYTER_CONFIG_DIR": str(self._folder / "scheduler-config"),
        }
        self._process = subprocess.Popen(
            [
                str(self._python), "-m", "jupyter_server", "--no-browser", "--allow-root",
                f"--ServerApp.port={self._port}", "--ServerApp.port_retries=0",
                f"--IdentityProvider.token={self.TOKEN}",
                f"--ServerApp.root_dir={self._folder}",
                f"--SchedulerApp.db_url=sqlite:///{self._folder}/scheduler.sqlite",
            ],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while True:
            try:
                self._ask("GET", "scheduler/jobs")
            except OSError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.2)
            else:
                return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait(20)

    def run(self, notebook: Path) -> float:
        """Seconds from POST to COMPLETED, asked for every 20 ms."""
        start = time.perf_counter()
        job = self._ask(
            "POST",
            "scheduler/jobs",
            {
                "input_uri": notebook.name,
                "name": "bench",
                "runtime_environment_name": self._environment(),
                "output_formats": ["ipynb"],
                "parameters": {"x": 2},
            },
        )["job_id"]
        while True:
            status = self._ask("GET", f"scheduler/jobs/{job}")["status"]
            if status == "COMPLETED":
                return time.perf_counter() - start
            # It says STOPPED of jobs that are about to start (its issue 451): only failure counts.
            if status == "FAILED" or time.perf_counter() - start > 60:
                raise RuntimeError(f"jupyter-scheduler: {status}")
            time.sleep(0.02)

    def _environment(self) -> str:
        return str(self._ask("GET", "scheduler/runtime_environments")[0]["name"])

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"token {self.TOKEN}",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())
