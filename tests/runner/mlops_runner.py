"""A runner and its attempt, as the tests see them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

#: Where the tests run; a runner and its kernel start in a second or two on a busy machine.
PATIENCE = 90.0
PYTHON = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
BASH = [sys.executable, "-m", "bash_kernel", "-f", "{connection_file}"]
#: Text that JSON can carry.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def code(source: str, *tags: str) -> dict[str, Any]:
    """A code cell."""
    return {"cell_type": "code", "source": source, "metadata": {"tags": list(tags)}}


class RunnerAttempt:
    """An attempt's directory, its runner, and what came out."""

    def __init__(self, directory: Path, order: dict[str, Any]) -> None:
        self.directory = directory
        self.order = order
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *prefix: str, **environment: str) -> RunnerAttempt:
        """Start the runner; it goes on by itself."""
        env = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"} | environment
        argv = [*prefix, sys.executable, "-m", "jupyter_mlops.jobs.runner", str(self.directory)]
        self.process = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL)
        return self

    def wait(self, patience: float = PATIENCE) -> int:
        """Its exit status."""
        assert self.process is not None
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"the runner goes on:\n{self.said()}") from None

    def run(self, patience: float = PATIENCE, **environment: str) -> dict[str, Any]:
        """Start it, wait, and return its exit."""
        self.start(**environment).wait(patience)
        return self.exit

    def signal(self, number: signal.Signals) -> None:
        """Send the runner a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    @property
    def exit(self) -> dict[str, Any]:
        """`exit.json`."""
        try:
            found: dict[str, Any] = json.loads((self.directory / "exit.json").read_bytes())
        except FileNotFoundError:
            raise AssertionError(f"there is no exit:\n{self.said()}") from None
        return found

    @property
    def events(self) -> list[dict[str, Any]]:
        """Whole lines of `events.jsonl`."""
        try:
            data = (self.directory / "events.jsonl").read_bytes()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in data[: data.rfind(b"\n") + 1].splitlines()]

    def events_of(self, kind: str) -> list[dict[str, Any]]:
        """Events of one type."""
        return [event for event in self.events if event["type"] == kind]

    def wait_for(self, kind: str, patience: float = PATIENCE, **fields: Any) -> dict[str, Any]:
        """The first event of that type with these fields."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            for event in self.events_of(kind):
                if all(event.get(name) == value for name, value in fields.items()):
                    return event
            assert self.process is not None
            if self.process.poll() is not None and not self.events_of(kind):
                break
            time.sleep(0.02)
        raise AssertionError(f"no {kind} {fields}:\n{self.said()}")

    def wait_for_output(self, text: str) -> None:
        """Return when the log has `text`."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.log:
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.02)

    @property
    def kernel(self) -> int:
        """The kernel's pid."""
        pid: int = self.wait_for("prepared")["kernel"]["pid"]
        return pid

    @property
    def log(self) -> str:
        """`log.txt`."""
        path = self.directory / "log.txt"
        return path.read_text("utf-8") if path.exists() else ""

    @property
    def notebook(self) -> dict[str, Any]:
        """The executed notebook of the attempt."""
        found: dict[str, Any] = json.loads((self.directory / "notebook.ipynb").read_bytes())
        return found

    @property
    def result(self) -> dict[str, Any]:
        """The executed notebook where the person finds it."""
        found: dict[str, Any] = json.loads(Path(self.order["output_notebook"]).read_bytes())
        return found

    @property
    def statuses(self) -> list[str]:
        """`metadata.mlops.status` of the code cells."""
        return [
            cell["metadata"]["mlops"]["status"]
            for cell in self.notebook["cells"]
            if cell["cell_type"] == "code"
        ]

    def outputs(self, index: int) -> list[dict[str, Any]]:
        """Outputs of a cell in the executed notebook."""
        found: list[dict[str, Any]] = self.notebook["cells"][index]["outputs"]
        return found

    def text(self, index: int, name: str = "stdout") -> str:
        """What a cell printed, as the executed notebook has it."""
        return "".join(
            "".join(output["text"])
            for output in self.outputs(index)
            if output["output_type"] == "stream" and output["name"] == name
        )

    def said(self) -> str:
        """Everything that helps to understand a failure."""
        found = []
        for name in ("runner.log", "kernel.log", "log.txt", "events.jsonl", "exit.json"):
            path = self.directory / name
            if path.exists():
                text = path.read_text("utf-8", "replace")
                found.append(f"--- {name}\n{text[:3000]}{'…' if len(text) > 3000 else ''}")
        return "\n".join(found)


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat[stat.rindex(")") + 2] not in "ZX"


def wait_gone(*pids: int, patience: float = 20.0) -> None:
    """Return when none of the processes is there."""
    deadline = time.monotonic() + patience
    while left := [pid for pid in pids if alive(pid)]:
        assert time.monotonic() < deadline, f"still there: {left}"
        time.sleep(0.02)
