"""A kernel that has begun before its notebook is known.

Most of a kernel's start doesn't depend on the notebook. In its usual order it is: configuration,
sockets, threads, output, the kernel with its shell, the person's startup code. Here it is done in
three steps:

1. `PreparedKernel`, where there is one thread and nobody to talk to (a warm parent, if it can):
   the configuration, and the kernel with its shell, its magics and traits.
2. `open`, in a process of its own: sockets without addresses, threads, output.
3. `launch`, when the notebook has come: connection file and addresses, environment, module path,
   the person's own startup code.

In the kernelspec's interpreter: standard library and ipykernel (6.x or 7.x) only.
"""

from __future__ import annotations

import os
import sys
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from . import process_state
from .rehearsal import rehearse

#: Seconds that a thread of the kernel may take to bind its socket.
_PATIENCE = 30.0
#: What `init_kernel` gives a kernel that is the same before and after `open`.
_GIVEN_AHEAD = frozenset({"parent", "log", "profile_dir", "user_ns"})


class PreparedKernel:
    """`open` and `launch` end what making it has begun."""

    def __init__(self, batch_kernel: Any) -> None:
        self._batch_kernel = batch_kernel
        usual = batch_kernel._application()  # noqa: SLF001 - ours
        in_place_of = batch_kernel._in_place_of  # noqa: SLF001 - ours
        main, argv, excepthook = sys.modules["__main__"], sys.argv, sys.excepthook
        sys.argv = [batch_kernel._launcher_path()]  # noqa: SLF001 - ours
        self._application = in_place_of(usual, _Waiting).instance()
        self._application.kernel_class = in_place_of(usual.kernel_class.default_value, _Kernel)
        # Over TCP it would warn that nothing is encrypted, before it knows where it will listen.
        self._application.initialize([*batch_kernel.ARGUMENTS, "--IPKernelApp.transport=ipc"])
        # Until `open` the process is still whose it was.
        self._of_the_kernel = sys.modules["__main__"], sys.argv, sys.excepthook
        sys.modules["__main__"], sys.argv, sys.excepthook = main, argv, excepthook

    @staticmethod
    def ahead(batch_kernel: Any) -> PreparedKernel | None:
        """One to be opened in forked processes.

        None where the person has configured IPython: that is code, and belongs in the job. Also
        where a version of ipykernel or IPython makes what can't be forked.
        """
        if any(map(os.path.exists, configuration())):
            return None
        before = process_state.descriptors()
        made = PreparedKernel(batch_kernel)
        made._make_what_is_late()
        rehearse(made._application)
        if threading.active_count() == 1 and process_state.descriptors() <= before:
            return made
        forget()
        return None

    def _make_what_is_late(self) -> None:
        """What a kernel makes at its first need of it, which every notebook has."""
        app = self._application
        # Its logger passes everything, so each message that no handler shows is made all the same.
        app.log.setLevel(app.log_level)
        shell = app.shell
        for name in app.default_extensions:
            shell.extension_manager.load_extension(name)
        app.default_extensions = []
        formatter = shell.display_formatter
        for name in ("formatters", "mimebundle_formatter", "ipython_display_formatter"):
            getattr(formatter, name)
        _ = app.session

    @staticmethod
    def fits(arguments: list[str]) -> bool:
        """Whether a kernel with these arguments begins like any other."""
        return len(arguments) == 2 and arguments[0] == "-f"

    def open(self) -> None:
        """Be a kernel's process: it can't be forked any more."""
        sys.modules["__main__"], sys.argv, sys.excepthook = self._of_the_kernel
        self._application.open()

    def output_to(self, path: str) -> None:
        """What isn't a cell's output goes to this file from now on."""
        output = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for descriptor, stream in ((1, sys.stdout), (2, sys.stderr)):
            # Where ipykernel has put the descriptor itself when it took over its output.
            os.dup2(output, getattr(stream, "_original_stdstream_copy", descriptor))
        os.close(output)

    def launch(self, arguments: list[str], hand_on: Callable[[], None]) -> NoReturn:
        """Be the kernel that `arguments` describe, in the environment that `hand_on` makes."""

        def begin() -> None:
            hand_on()
            sys.argv[1:] = arguments
            self._application.arrive(arguments)
            self._application.start()

        leave: Callable[[Callable[[], None]], NoReturn] = self._batch_kernel.run_and_leave
        leave(begin)


def _own_session(session: Any) -> None:
    """Let a session be this process's, which it may have been made ahead of."""
    from jupyter_client import session as sessions

    session.pid = os.getpid()
    session.session = sessions.new_id()
    session.key = sessions.new_id_bytes()


def configuration() -> list[str]:
    """Files that a kernel reads when it begins, whether they are there or not."""
    from IPython.core.application import ENV_CONFIG_DIRS, SYSTEM_CONFIG_DIRS
    from IPython.paths import get_ipython_dir

    profile = os.path.join(get_ipython_dir(), "profile_default")
    return [
        os.path.join(folder, name + end)
        for folder in (profile, *ENV_CONFIG_DIRS, *SYSTEM_CONFIG_DIRS)
        for name in ("ipython_config", "ipython_kernel_config")
        for end in (".py", ".json")
    ]


def forget() -> None:
    """Let the next application, kernel and shell be new ones."""
    from ipykernel.ipkernel import IPythonKernel
    from ipykernel.kernelapp import IPKernelApp
    from ipykernel.zmqshell import ZMQInteractiveShell

    for kind in (IPKernelApp, IPythonKernel, ZMQInteractiveShell):
        made: Any = kind._instance  # noqa: SLF001 - None, or a subclass's
        if made is not None:
            type(made).clear_instance()


class _Kernel:
    """Mixed into the batch kernel's kernel: takes later what it was made without."""

    @classmethod
    def instance(cls, *args: Any, **given: Any) -> Any:
        kind: Any = cls
        made_ahead = kind.initialized()
        usual: Any = super()
        kernel = usual.instance(*args, **given)
        if made_ahead:
            kernel.take({name: v for name, v in given.items() if name not in _GIVEN_AHEAD})
        return kernel

    def take(self, given: dict[str, Any]) -> None:
        """What `__init__` of ipykernel's `Kernel` and `IPythonKernel` make of their arguments."""
        kernel: Any = self
        for name, value in given.items():
            setattr(kernel, name, value)
        kernel.ident = str(uuid.uuid4())
        kernel._stdout, kernel._stderr = sys.stdout, sys.stderr  # noqa: SLF001
        shell = kernel.shell
        for publisher in (shell.displayhook, shell.display_pub):
            publisher.session = kernel.session
            publisher.pub_socket = kernel.iopub_socket
        shell.displayhook.topic = kernel._topic("execute_result")  # noqa: SLF001
        shell.save_sys_module_state()


class _Waiting:
    """Mixed into the batch kernel's `IPKernelApp`: what depends on the notebook comes later."""

    _ahead = True
    _here = False
    shell: Any
    kernel: Any

    def open(self) -> None:
        app: Any = self
        self._ahead = False
        _own_session(app.session)
        app.init_sockets()
        app.log_connection_info()
        app.init_io()
        app.init_signal()
        app.init_kernel()

    def _when_open(self, name: str) -> None:
        if not self._ahead:
            usual: Any = super()
            getattr(usual, name)()

    def _when_here(self, name: str) -> None:
        if self._here:
            usual: Any = super()
            getattr(usual, name)()

    def init_sockets(self) -> None:
        self._when_open("init_sockets")

    def log_connection_info(self) -> None:
        self._when_open("log_connection_info")

    def init_io(self) -> None:
        self._when_open("init_io")

    def init_signal(self) -> None:
        self._when_open("init_signal")

    def init_kernel(self) -> None:
        if not self._ahead:
            usual: Any = super()
            usual.init_kernel()
            return
        app: Any = self
        self.kernel = app.kernel_class.instance(
            **{name: getattr(app, name) for name in _GIVEN_AHEAD - {"parent"}}, parent=app
        )

    def init_connection_file(self) -> None:
        self._when_here("init_connection_file")

    def _bind_socket(self, socket: Any, port: int) -> int:
        if not self._here:
            return port
        usual: Any = super()
        return int(usual._bind_socket(socket, port))  # noqa: SLF001 - our own base's

    def write_connection_file(self, **kwargs: Any) -> None:
        if self._here:
            usual: Any = super()
            usual.write_connection_file(**kwargs)

    def init_path(self) -> None:
        self._when_here("init_path")

    def init_gui_pylab(self) -> None:
        self._when_here("init_gui_pylab")

    def init_extensions(self) -> None:
        self._when_here("init_extensions")

    def init_code(self) -> None:
        self._when_here("init_code")

    def arrive(self, arguments: list[str]) -> None:
        """The notebook is known: do what was left out."""
        app: Any = self
        self._here = True
        app.argv = [*app.argv, *arguments]
        app.connection_file = arguments[1]
        app.init_connection_file()
        self._bind_all()
        app.write_connection_file()
        app.log_connection_info()
        app.kernel.record_ports({f"{name}_port": port for name, port in app._ports.items()})  # noqa: SLF001
        shell = app.shell
        shell.init_environment()
        if session := os.environ.get("JPY_SESSION_NAME"):
            shell.user_ns["__session__"] = session
        else:
            shell.user_ns.pop("__session__", None)
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
        publisher = app.iopub_thread

        def bind(name: str, socket: Any) -> Callable[[], None]:
            def now() -> None:
                port = app._bind_socket(socket, getattr(app, f"{name}_port"))  # noqa: SLF001
                setattr(app, f"{name}_port", port)

            return now

        bind("stdin", app.stdin_socket)()
        bind("shell", app.shell_socket)()
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
