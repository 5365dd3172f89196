"""A kernel's surroundings for modules that are imported before there is a kernel.

Libraries ask at their import whether they run in a notebook: pandas chooses how wide tables may
be, tqdm its kind of bar, ipywidgets registers itself. Imported in a warm parent they must get the
answer that a kernel would give. What every kernel answers alike is answered here; a module that
asks for more wants the shell of its own notebook, which it can only have in the job.

Standard library and ipykernel only, Python 3.9 or newer.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import os
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any, TextIO

#: As `ipykernel.kernelapp.IPKernelApp.init_gui_pylab` sets it.
_PLOTS = ("MPLBACKEND", "module://matplotlib_inline.backend_inline")


class Stream(io.TextIOBase):
    """`sys.stdout` or `sys.stderr` as it is at the time of writing.

    A logging handler made at a module's import keeps the stream that it found. In a fresh kernel
    that is the kernel's; here it becomes so when there is one.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._original: TextIO = getattr(sys, name)

    def now(self) -> TextIO:
        """The stream that is meant."""
        found: Any = getattr(sys, self._name)
        stream: TextIO = self._original if found is None or found is self else found
        return stream

    @property
    def encoding(self) -> str:  # type: ignore[override]  # an attribute there, and not ours to set
        """Of the stream that is meant."""
        return self.now().encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]  # as above
        """Of the stream that is meant."""
        return self.now().errors

    def write(self, text: str, /) -> int:
        """Write to it."""
        return self.now().write(text)

    def flush(self) -> None:
        """Flush it."""
        self.now().flush()

    def writable(self) -> bool:
        """Always."""
        return True

    def isatty(self) -> bool:
        """As it."""
        return self.now().isatty()

    def fileno(self) -> int:
        """As it."""
        return self.now().fileno()

    def close(self) -> None:
        """Nobody's business: it isn't ours."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.now(), name)


class _Kernel:
    """`get_ipython().kernel`: it is there."""

    def __init__(self, asked: Callable[[str], None]) -> None:
        self._asked = asked

    def __getattr__(self, name: str) -> Any:
        self._asked(f"kernel.{name}")
        raise AttributeError(name)


class _Shell:
    """`get_ipython()`: of the class that every kernel's shell has, with a kernel."""

    def __init__(self, kind: type, asked: Callable[[str], None]) -> None:
        self._kind = kind
        self._asked = asked
        self.kernel = _Kernel(asked)
        self.config: dict[str, Any] = {"IPKernelApp": {}}

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return self._kind

    def __getattr__(self, name: str) -> Any:
        self._asked(name)
        raise AttributeError(name)


@contextlib.contextmanager
def as_in_a_kernel(argv: list[str], asked: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """Make modules that are imported inside see a kernel; yields a cell's namespace.

    `asked` is called with what a module wants of the shell beyond that.
    """
    from ipykernel.zmqshell import ZMQInteractiveShell
    from IPython.core.interactiveshell import InteractiveShell

    usual = ZMQInteractiveShell
    # By its type's name, too, it is taken for what it stands in for.
    named = type(usual.__name__, (_Shell,), {"__module__": usual.__module__})
    shell = named(usual, asked)
    main = types.ModuleType("__main__")
    before = (sys.modules["__main__"], sys.argv, sys.stdout, sys.stderr)
    prompts = {"ps1": "In : ", "ps2": "...: ", "ps3": "Out: "}
    sys.modules["__main__"], sys.argv = main, argv
    sys.stdout, sys.stderr = Stream("stdout"), Stream("stderr")
    instance: Any = shell
    InteractiveShell._instance = ZMQInteractiveShell._instance = instance  # noqa: SLF001
    builtins.get_ipython = lambda: shell  # type: ignore[attr-defined]
    for name, prompt in prompts.items():
        setattr(sys, name, prompt)
    try:
        yield vars(main)
    finally:
        for name in prompts:
            delattr(sys, name)
        del builtins.get_ipython  # type: ignore[attr-defined]
        InteractiveShell._instance = ZMQInteractiveShell._instance = None  # noqa: SLF001
        sys.modules["__main__"], sys.argv, sys.stdout, sys.stderr = before


def kernel_environment() -> None:
    """Set the environment variables that a kernel sets before it runs a cell."""
    from ipykernel.zmqshell import ZMQInteractiveShell

    nobody: Any = None  # a method that doesn't look at its object
    ZMQInteractiveShell.init_environment(nobody)
    name, value = _PLOTS
    if not os.environ.get(name):
        os.environ[name] = value
