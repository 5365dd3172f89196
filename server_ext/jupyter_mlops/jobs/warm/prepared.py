"""A kernel that has begun before its notebook is known, and waits for it.

Most of a forked kernel's start doesn't depend on the notebook: making the shell, its magics and
traits, sockets and threads. Here it is done ahead, in a process of its own; what depends on the
notebook is left out of it and done when the notebook has come, in the order of a usual start:
connection file and addresses, heartbeat, module path, the person's own startup code.

In the kernelspec's interpreter: standard library and ipykernel (6.x or 7.x) only.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: Seconds that a thread of the kernel may take to bind its socket.
_PATIENCE = 30.0


class PreparedKernel:
    """`launch` ends what making it has begun."""

    def __init__(self, batch_kernel: Any) -> None:
        self._batch_kernel = batch_kernel
        usual = batch_kernel._application()  # noqa: SLF001 - ours
        sys.argv = [batch_kernel._launcher_path()]  # noqa: SLF001 - ours
        kind = batch_kernel._in_place_of(usual, _Waiting)  # noqa: SLF001 - ours
        self._application = kind.instance()
        # Over TCP it would warn that nothing is encrypted, before it knows where it will listen.
        self._application.initialize([*batch_kernel.ARGUMENTS, "--IPKernelApp.transport=ipc"])

    @staticmethod
    def fits(arguments: list[str]) -> bool:
        """Whether a kernel with these arguments begins like any other."""
        return len(arguments) == 2 and arguments[0] == "-f"

    def output_to(self, path: str) -> None:
        """What isn't a cell's output goes to this file from now on."""
        output = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for descriptor, stream in ((1, sys.stdout), (2, sys.stderr)):
            # Where ipykernel has put the descriptor itself when it took over its output.
            os.dup2(output, getattr(stream, "_original_stdstream_copy", descriptor))
        os.close(output)

    def launch(self, arguments: list[str], hand_on: Callable[[], None]) -> None:
        """Be the kernel that `arguments` describe, in the environment that `hand_on` makes.

        Never returns.
        """

        def begin() -> None:
            hand_on()
            sys.argv[1:] = arguments
            self._application.arrive(arguments)
            self._application.start()

        self._batch_kernel.run_and_leave(begin)


class _Waiting:
    """Mixed into the batch kernel's `IPKernelApp`: what depends on the notebook comes later."""

    _here = False
    shell: Any
    kernel: Any

    def _later(self, name: str, *given: Any) -> Any:
        if not self._here:
            return None
        usual: Any = super()
        return getattr(usual, name)(*given)

    def init_connection_file(self) -> None:
        self._later("init_connection_file")

    def _bind_socket(self, socket: Any, port: int) -> int:
        return port if not self._here else int(self._later("_bind_socket", socket, port))

    def init_heartbeat(self) -> None:
        self._later("init_heartbeat")

    def write_connection_file(self, **kwargs: Any) -> None:
        if self._here:
            usual: Any = super()
            usual.write_connection_file(**kwargs)

    def init_path(self) -> None:
        self._later("init_path")

    def init_gui_pylab(self) -> None:
        self._later("init_gui_pylab")

    def init_extensions(self) -> None:
        self._later("init_extensions")

    def init_code(self) -> None:
        self._later("init_code")

    def arrive(self, arguments: list[str]) -> None:
        """The notebook is known: do what was left out."""
        app: Any = self
        self._here = True
        app.argv = [*app.argv, *arguments]
        app.connection_file = arguments[1]
        app.init_connection_file()
        self._bind_all()
        app.init_heartbeat()
        app.write_connection_file()
        app.log_connection_info()
        app.kernel.record_ports({f"{name}_port": port for name, port in app._ports.items()})  # noqa: SLF001
        shell = app.shell
        shell.init_environment()
        shell.starting_dir = os.getcwd()
        shell.history_manager.dir_hist[:] = [Path.cwd()]
        app.init_path()
        app.init_gui_pylab()
        app.init_extensions()
        app.init_code()
        sys.stdout.flush()
        sys.stderr.flush()

    def _bind_all(self) -> None:
        """Each socket in the thread that it belongs to by now."""
        app: Any = self
        in_shell = getattr(app, "shell_channel_thread", None)
        publisher = app.iopub_thread

        def bind(name: str, socket: Any) -> Callable[[], None]:
            def now() -> None:
                port = app._bind_socket(socket, getattr(app, f"{name}_port"))  # noqa: SLF001
                setattr(app, f"{name}_port", port)

            return now

        bind("stdin", app.stdin_socket)()
        shell = bind("shell", app.shell_socket)
        if in_shell is None:  # ipykernel 6: the main thread's
            shell()
        else:
            _done_in(in_shell.io_loop.add_callback, shell)
        if endpoint := app.shell_socket.getsockopt_string(_last_endpoint()):
            app.debug_shell_socket.connect(endpoint)
        _done_in(app.control_thread.io_loop.add_callback, bind("control", app.control_socket))
        _done_in(publisher.schedule, bind("iopub", publisher.socket))


def _done_in(schedule: Callable[[Callable[[], None]], Any], work: Callable[[], None]) -> None:
    """Do it in another thread, and wait.

    Raises:
        RuntimeError: the thread doesn't get to it.
    """
    done = threading.Event()
    failed: list[BaseException] = []

    def now() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised in the waiting thread
            failed.append(error)
        finally:
            done.set()

    schedule(now)
    if not done.wait(_PATIENCE):
        raise RuntimeError("A thread of the kernel doesn't answer.")
    for error in failed:
        raise error


def _last_endpoint() -> int:
    import zmq

    return int(zmq.LAST_ENDPOINT)
