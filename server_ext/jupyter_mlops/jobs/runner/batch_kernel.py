"""The IPython kernel as a batch job needs it: a real ipykernel with its rough edges made safe.

Runs in the *kernelspec's* interpreter, so it imports the standard library and ipykernel only
(6.x or 7.x). A cold start runs this file in place of ``-m ipykernel_launcher`` (same arguments);
a warm parent calls `launch` in the forked child. With ``--module NAME`` first it runs another
Python module that is a kernel, as ``python -m NAME`` would: where that stands on ipykernel (kernels
for other languages often do), it doesn't drop output either; nothing else is changed.

What a cell computes and shows is the same as in a usual ipykernel; the differences are:

- **No output is dropped.** A publisher drops messages when a reader is slow; here it waits.
- **Output written to file descriptors 1 and 2** (subprocesses, C libraries) belongs to the cell
  that wrote it: it is drained before the cell is reported as done, and C's stdout is line
  buffered. It isn't echoed into the kernel's raw log a second time; what a crash says is there.
- **`MLOPS_CODE_DIR`**, the snapshot of local modules, comes before the working directory.
- **What is logged to MLflow without a run lands in the job's**, also after MLflow has ended it:
  it forgets `MLFLOW_RUN_ID` with the first run that it starts, which often is autologging's.
- **`MLOPS_FACTS`** says where what it ran, seeded and read is written (see `jupyter_mlops.facts`);
  the notebook doesn't see the variable.
- **No debugger, no heartbeat, history in memory**: nobody is there to use them.
- **The end is quick and complete**: exit handlers run, the person's objects are finalized and
  open files flushed, but the imported libraries aren't taken apart one by one.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    # The script's own directory must not shadow anybody's modules.
    del sys.path[0]

import atexit
import contextlib
import faulthandler
import fnmatch
import functools
import gc
import importlib
import importlib.machinery
import importlib.util
import json
import os
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

#: Messages waiting for a slow reader before the kernel waits too.
SEND_HIGH_WATER_MARK = 256
#: Given in front of the caller's arguments.
ARGUMENTS = ("--HistoryManager.enabled=False",)
_CONTROL_THREAD_WAIT = 2.0


def _beside(name: str) -> Any:
    """A module of this folder, which the kernelspec's interpreter may know nothing of."""
    place = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"_mlops_{name}", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _room(name: str) -> Any:
    """Our room `facts`, found by its place; it leaves no trace among the person's modules."""
    own = "_mlops_facts"
    place = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    package = sys.modules[own] = types.ModuleType(own)
    package.__path__ = [os.path.join(place, "facts")]
    try:
        return importlib.import_module(f"{own}.{name}")
    finally:
        for loaded in [one for one in sys.modules if one.partition(".")[0] == own]:
            del sys.modules[loaded]


batch_output: Any = _beside("batch_output")
kernel_end: Any = _beside("kernel_end")
mlflow_run: Any = _beside("mlflow_run")
facts: Any = _room("watch")


def launch(arguments: list[str]) -> NoReturn:
    """Be the kernel that `arguments` (those of ``ipykernel_launcher``) describe; never returns."""

    def begin() -> None:
        sys.argv = [_launcher_path(), *arguments]
        _application().launch_instance(argv=[*ARGUMENTS, *arguments])

    run_and_leave(begin)


def run_and_leave(begin: Callable[[], None]) -> NoReturn:
    """Run a kernel to its end, which is the end of the process."""
    status = 1
    try:
        begin()
        # Its last message goes through the publishing thread, which exit handlers stop: waiting
        # for the publisher that has gone would never end.
        _application().instance().control_thread.join(_CONTROL_THREAD_WAIT)
        status = 0
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:  # noqa: BLE001 - as an interpreter: said, and the exit goes on
        speak_plainly()
        sys.__excepthook__(*sys.exc_info())
    # What the person's exit handlers do is not the notebook's any more.
    leave: Callable[..., NoReturn] = kernel_end.leave
    leave(status, *(watch.finish for watch in _watching))


def speak_plainly() -> None:
    """Errors go to the raw log: the streams lead to readers who may not have come yet."""
    raw = getattr(sys.stderr, "_original_stdstream_copy", None)
    if raw is not None:
        os.dup2(raw, 2)
    sys.stderr = sys.__stderr__


def _launcher_path() -> str:
    """What ``sys.argv[0]`` is in a usual kernel."""
    import ipykernel

    root = os.path.dirname(os.path.dirname(os.path.abspath(ipykernel.__file__)))
    return os.path.join(root, "ipykernel_launcher.py")


@functools.cache
def _application() -> type[Any]:
    """`IPKernelApp` with our kernel, socket options and streams; a warm parent calls it ahead."""
    with _without_debugpy():
        importlib.import_module("ipykernel.debugger")
        from ipykernel import iostream, kernelapp
        from ipykernel.ipkernel import IPythonKernel
    if __name__ != "__main__":
        _warm_up()
    batch_output.publish_well()
    batch_output.line_buffer_c_stdout()
    _remember_signatures()
    if hasattr(kernelapp, "ShellChannelThread"):
        kernelapp.ShellChannelThread = _NoShellChannelThread
    iostream.OutStream = _in_place_of(  # type: ignore[misc]
        iostream.OutStream, batch_output.Stream
    )
    application = _in_place_of(kernelapp.IPKernelApp, _Application)
    application.kernel_class.default_value = _in_place_of(IPythonKernel, _Kernel)
    return application


def _in_place_of(usual: type[Any], mixed_in: type[Any]) -> type[Any]:
    """A subclass that looks like `usual`."""
    names = {"__module__": usual.__module__, "__qualname__": usual.__qualname__}
    metaclass: Any = type(usual)
    made: type[Any] = metaclass(
        usual.__name__, (mixed_in, usual), names | {"__doc__": usual.__doc__}
    )
    return made


class _NoShellChannelThread:
    """In place of ipykernel 7's thread for subshells, which nobody opens in a job.

    Each message would go through two threads. ipykernel asks whether it is true, as of 6.x's None.
    """

    def __init__(self, *_: Any, **__: Any) -> None:
        self.parent_thread = threading.current_thread()

    def __bool__(self) -> bool:
        return False


@contextlib.contextmanager
def _without_debugpy() -> Iterator[None]:
    """Its import is more than half of a kernel's start. In a cell it can be imported as always."""
    if "debugpy" in sys.modules:
        yield
        return
    sys.modules["debugpy"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["debugpy"]


class _Kernel:
    """Mixed into `IPythonKernel`: wastes no time between cells."""

    do_execute: Callable[..., Any]
    #: Of ipykernel 7: see `_NoShellChannelThread`.
    _supports_kernel_subshells = False

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # The pause after each cell only helps where a flush doesn't wait for its end.
        self._execute_sleep = 0
        usual = self.do_execute

        @functools.wraps(usual)
        async def do_execute(*args: Any, **given: Any) -> Any:
            batch_output.Stream.in_a_cell = True
            try:
                return await usual(*args, **given)
            finally:
                batch_output.Stream.in_a_cell = False

        self.do_execute = do_execute

    def _process_children(self) -> list[Any]:
        """As always, without psutil where there are none."""
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return []
        usual: Any = super()
        children: list[Any] = usual._process_children()  # noqa: SLF001 - our own base's
        return children


def _remember_signatures() -> None:
    """Look once at `run_cell`'s parameters; before each cell it was a tenth of a short one."""
    ipkernel: Any = importlib.import_module("ipykernel.ipkernel")
    usual = getattr(ipkernel, "_accepts_parameters", None)
    if usual is None:
        return
    known: dict[Any, Any] = {}

    @functools.wraps(usual)
    def accepts(method: Any, names: list[str]) -> Any:
        key = (getattr(method, "__func__", method), *names)
        if key not in known:
            known[key] = usual(method, names)
        return known[key]

    ipkernel._accepts_parameters = accepts  # noqa: SLF001 - held by a test


class _Application:
    """Mixed into `IPKernelApp`: without what only a person at a screen would use."""

    parent_handle: int

    def parse_command_line(self, argv: list[str] | None = None) -> None:
        usual: Any = super()
        config = None if argv is None else _plain_config(argv)
        if config is None:
            usual.parse_command_line(argv)
            return
        app: Any = self
        app.argv = argv
        app.extra_args = []
        app.cli_config = config
        app.update_config(config)

    def log_connection_info(self) -> None:
        # Without a parent it tells a person at a terminal how to connect; there is none.
        usual: Any = super()
        self.parent_handle = 1
        usual.log_connection_info()
        self.parent_handle = 0

    def init_heartbeat(self) -> None:
        # Its guard sees the kernel end; nobody asks it whether it lives.
        return

    def patch_io(self) -> None:
        usual: Any = super()
        usual.patch_io()
        # A crash's traceback must not go into our own pipe, which dies with us.
        raw = getattr(sys.stderr, "_original_stdstream_copy", None)
        if raw is not None:
            faulthandler.enable = functools.partial(faulthandler.enable, raw)
            faulthandler.enable(all_threads=False)

    def init_path(self) -> None:
        usual: Any = super()
        usual.init_path()
        code = os.environ.get("MLOPS_CODE_DIR")
        if not code:
            return
        # Where a kernel has its working directory: behind the standard library, in front of
        # installed packages. The snapshot comes before the live files.
        sys.path.insert(sys.path.index("") if "" in sys.path else 0, code)
        before = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = code + (os.pathsep + before if before else "")

    def init_iopub(self, context: Any) -> None:
        import zmq

        usual: Any = super()
        context.setsockopt(zmq.SNDHWM, SEND_HIGH_WATER_MARK)
        usual.init_iopub(context)
        del context.sockopts[zmq.SNDHWM]

    def start(self) -> None:
        # What is there now stays to the end: the collector need not look at it again.
        gc.freeze()
        mlflow_run.keep()
        app: Any = self
        _watch(app.shell)
        # After the person's exit handlers, before the publishing thread is stopped.
        atexit.register(kernel_end.flush_streams)
        usual: Any = super()
        usual.start()


#: Watches this kernel, if anything does.
_watching: list[Any] = []


def _watch(shell: Any) -> None:
    wanted = os.environ.pop("MLOPS_FACTS", None)
    if wanted is not None:
        watch = facts.Watch(json.loads(wanted))
        watch.begin(shell)
        _watching.append(watch)


def _plain_config(argv: list[str]) -> Any:
    """What nothing but ``-f FILE`` and ``--Class.trait=value`` say; None where there is more.

    Making the parser for everything else takes a sixth of a forked kernel's start.
    """
    from traitlets.config import Config
    from traitlets.config.loader import DeferredConfigString

    config = Config()
    words = iter(argv)
    for word in words:
        if word == "-f":
            config.IPKernelApp.connection_file = DeferredConfigString(next(words, ""))
            continue
        name, equals, value = word.partition("=")
        section, dot, trait = name[2:].partition(".")
        if not (name.startswith("--") and equals and dot and section.isidentifier()):
            return None
        if not trait.isidentifier() or trait in config[section]:
            return None
        config[section][trait] = DeferredConfigString(value)
    return config


def _warm_up() -> None:
    """In a parent that forks kernels: what each of them would import and compile anew."""
    for name in (
        "IPython.core.completerlib",
        "IPython.core.debugger",
        "IPython.core.logger",
        "IPython.core.oinspect",
        "IPython.extensions.storemagic",
        "code",
        "pdb",
        "sqlite3",
        "tornado.platform.asyncio",
        "unicodedata",
    ):
        with contextlib.suppress(ImportError):  # another version's module: the kernel imports it
            importlib.import_module(name)
    with contextlib.suppress(ImportError, AttributeError):  # themes are files since IPython 9.15
        from IPython.utils.PyColorize import theme_table

        list(theme_table.values())
    from IPython.core.inputtransformer2 import TransformerManager

    # Compiles the patterns of the person's startup files, and the tokenizer's.
    for pattern in ("*.py", "*.ipy"):
        fnmatch.filter([], pattern)
    TransformerManager().transform_cell("x = f(1)  # a cell\n%time x\n")


def run_module(name: str, arguments: list[str]) -> None:
    """Be the kernel that ``python -m name arguments`` is."""
    import runpy

    with contextlib.suppress(ImportError):  # it doesn't stand on ipykernel
        batch_output.publish_well()
    if not sys.flags.safe_path:
        sys.path.insert(0, os.getcwd())
    sys.argv = [name, *arguments]
    runpy.run_module(name, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--module"]:
        run_module(sys.argv[2], sys.argv[3:])
    else:
        launch(sys.argv[1:])
