"""A real kernel with the magics loaded, and a notebook's view of its outputs."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import KernelManager


@dataclass
class Cell:
    """What a front end holds of one executed cell."""

    status: str = ""
    outputs: list[dict[str, Any]] = field(default_factory=list)
    #: Every iopub message, in its order.
    messages: list[dict[str, Any]] = field(default_factory=list)
    _displays: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _clear: bool = False

    def take(self, message: dict[str, Any]) -> None:
        """Apply one message as a notebook does."""
        self.messages.append(message)
        kind, content = message["msg_type"], message["content"]
        if kind == "clear_output":
            if content["wait"]:
                self._clear = True
            else:
                self.outputs.clear()
        elif kind == "update_display_data":
            for output in self._displays.get(content["transient"]["display_id"], []):
                output["data"] = content["data"]
        elif kind in ("stream", "display_data", "execute_result", "error"):
            if self._clear:
                self._clear = False
                self.outputs.clear()
            output = {"output_type": kind, **content}
            identity = (content.get("transient") or {}).get("display_id")
            if identity:
                self._displays.setdefault(identity, []).append(output)
            last = self.outputs[-1] if self.outputs else {}
            if kind == "stream" and last.get("name") == content["name"]:
                last["text"] += content["text"]
            else:
                self.outputs.append(output)

    def text(self, name: str = "stdout") -> str:
        """What was printed to a stream."""
        return "".join(
            o["text"] for o in self.outputs if o["output_type"] == "stream" and o["name"] == name
        )

    def displays(self, kind: str) -> list[Any]:
        """The displays that have a type, as that type."""
        return [o["data"][kind] for o in self.outputs if kind in o.get("data", {})]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Outputs of a kind."""
        return [o for o in self.outputs if o["output_type"] == kind]

    @property
    def error(self) -> str:
        """What the cell failed with, as shown."""
        return "\n".join("\n".join(o["traceback"]) for o in self.of("error"))


class Kernel:
    """One kernel, as a notebook in `directory` has it."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self.directory = directory
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(cwd=str(directory), env=environment)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def stop(self) -> None:
        """End it."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def run(
        self,
        source: str,
        *,
        watch: Callable[[Cell], None] | None = None,
        patience: float = 90.0,
        into: Cell | None = None,
        cell_id: str | None = None,
    ) -> Cell:
        """Execute a cell; `watch` sees it after every message."""
        cell = into or Cell()
        asked = self._asked(source, cell_id)
        deadline = time.monotonic() + patience
        while True:
            message = self.client.get_iopub_msg(timeout=max(0.1, deadline - time.monotonic()))
            if message["parent_header"].get("msg_id") != asked:
                cell.take(message) if message["msg_type"] == "update_display_data" else None
                continue
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                break
            cell.take(message)
            if watch is not None:
                watch(cell)
        while True:
            reply = self.client.get_shell_msg(timeout=30)
            if reply["parent_header"].get("msg_id") == asked:
                cell.status = reply["content"]["status"]
                return cell

    def _asked(self, source: str, cell_id: str | None) -> str:
        """As JupyterLab asks, which says which cell it is."""
        content = {
            "code": source, "silent": False, "store_history": True, "user_expressions": {},
            "allow_stdin": False, "stop_on_error": True,
        }  # fmt: skip
        metadata = {"cellId": cell_id} if cell_id else {}
        message = self.client.session.msg("execute_request", content, metadata=metadata)
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def later(self, cell: Cell, done: Callable[[Cell], bool], patience: float = 60.0) -> None:
        """Apply what comes after a cell has ended until `done`."""
        deadline = time.monotonic() + patience
        while not done(cell):
            cell.take(self.client.get_iopub_msg(timeout=max(0.1, deadline - time.monotonic())))


@pytest.fixture(scope="session")
def shared_home(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """One data directory, and so one daemon, for all tests of the magics."""
    found = tmp_path_factory.mktemp("magics") / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_MLOPS_DATA_DIR", str(found))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield found
    plugins = request.config.pluginmanager.get_plugins()
    next(p.end_processes for p in plugins if hasattr(p, "end_processes"))(found)


@pytest.fixture(scope="session")
def notebooks(shared_home: Path) -> Path:
    """Where the notebooks are."""
    found = shared_home.parent / "notebooks"
    found.mkdir()
    return found


@pytest.fixture(scope="session")
def start_kernel(shared_home: Path, notebooks: Path) -> Iterator[Callable[..., Kernel]]:
    """Start kernels; the magics are loaded in them."""
    running: list[Kernel] = []

    def start(*, load: bool = True, directory: Path = notebooks, **environment: str) -> Kernel:
        env = dict(os.environ)
        env["JPY_SESSION_NAME"] = str(directory / "book.ipynb")
        env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
        running.append(Kernel(directory, env | environment))
        if load:
            assert running[-1].run("%load_ext jupyter_mlops").status == "ok"
        return running[-1]

    yield start
    for kernel in running:
        kernel.stop()


@pytest.fixture(scope="session")
def shared_kernel(start_kernel: Callable[..., Kernel]) -> Kernel:
    """One kernel for most tests."""
    return start_kernel()


@pytest.fixture
def kernel(shared_kernel: Kernel) -> Kernel:
    """A kernel with the magics loaded and no variables."""
    shared_kernel.run("%reset -f")
    return shared_kernel
