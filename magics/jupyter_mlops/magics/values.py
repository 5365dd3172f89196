"""`--with a,b`: variables taken along by value.

Everything is tried before anything is sent: each variable has to survive being pickled and loaded,
within the limit. What can't be is named, with its type and the reason, all of them at once. Only
the job's own kernel ever loads them.
"""

from __future__ import annotations

import base64
import io
import pickle
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any, BinaryIO, cast

from jupyter_mlops.errors import InvalidInput, TooLarge

#: The most that the variables of a job may take together, pickled, in bytes.
LIMIT = 64 * 2**20
_NAMED = 3
_MB = 2**20


class _Full(Exception):
    """More than the limit."""


class _Refused(Exception):
    """Something in it can't be taken along; the message says why."""


class _Bounded(io.RawIOBase):
    """Keeps what is written, up to the limit."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.kept = io.BytesIO()
        self._limit = limit

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        if self.kept.tell() + size > self._limit:
            raise _Full
        return self.kept.write(data)


def names_of(texts: Iterable[str]) -> list[str]:
    """The names in `--with a,b --with c`, each once."""
    found = [name.strip() for text in texts for name in text.split(",")]
    return list(dict.fromkeys(name for name in found if name))


def taken_along(
    names: Iterable[str], variables: Mapping[str, Any], limit: int = LIMIT
) -> str | None:
    """The variables as a job takes them: base64 of a pickled dict; None for none.

    Raises:
        InvalidInput: some aren't there or can't be taken along; `problems` has every one.
        TooLarge: they are over the limit; the largest are named.
    """
    wanted = list(names)
    if not wanted:
        return None
    problems = [
        _problem(name, why) for name in wanted if (why := _unfit(name, variables)) is not None
    ]
    if problems:
        raise _refusal(problems)
    chosen = {name: variables[name] for name in wanted}
    try:
        # Together, so that what two of them share is shared in the job, too.
        return base64.b64encode(_pickled(chosen, limit)).decode()
    except _Full:
        raise _too_large(chosen, limit) from None
    except Exception:  # noqa: BLE001 - pickling runs anybody's code; each is tried alone below
        problems = [_problem(name, why) for name, value in chosen.items() if (why := _why(value))]
    if not problems:
        problems = [_problem(", ".join(wanted), "can't be pickled together")]
    raise _refusal(problems)


def _unfit(name: str, variables: Mapping[str, Any]) -> str | None:
    if not name.isidentifier():
        return "isn't the name of a variable"
    if name not in variables:
        return "isn't defined"
    if isinstance(variables[name], ModuleType):
        return "is a module: what the cell uses of modules is imported there by itself"
    return None


def _why(value: Any) -> str:
    """Why a value can't be taken along; empty when it can."""
    kind = _kind(value)
    try:
        _pickled(value, LIMIT * 16)
    except _Full:
        return ""
    except _Refused as error:
        return f"({kind}) {error}"
    except RecursionError:
        return f"({kind}) is nested too deeply"
    except Exception as error:  # noqa: BLE001 - as above
        return f"({kind}) can't be pickled: {error}"
    return ""


def _pickled(value: Any, limit: int) -> bytes:
    """`value` pickled, after it was loaded again.

    Raises:
        _Full, _Refused, or whatever the value's own code raises.
    """
    target = _Bounded(limit)
    _pickler(target).dump(value)
    data = target.kept.getvalue()
    _Unpickler(io.BytesIO(data)).load()
    return data


class _Unpickler(pickle.Unpickler):
    """Loads, and sees what the job's kernel would not find."""

    def find_class(self, module: str, name: str) -> Any:
        if module == "__main__":
            raise _Refused(
                f"needs {name}, which this notebook defines: install cloudpickle, or define it "
                "in the cell or in a module"
            )
        return super().find_class(module, name)


def _pickler(target: io.RawIOBase) -> pickle.Pickler:
    base: type[pickle.Pickler] = pickle.Pickler
    try:
        # Takes along what the notebook itself defines: functions, classes.
        import cloudpickle  # type: ignore[import-untyped]
    except ImportError:
        pass
    else:
        base = cloudpickle.Pickler

    class Pickler(base):  # type: ignore[misc,valid-type]
        def reducer_override(self, value: Any) -> Any:
            if (why := _unmovable(value)) is not None:
                raise _Refused(why)
            above = getattr(super(), "reducer_override", None)
            return NotImplemented if above is None else above(value)

    return cast("pickle.Pickler", Pickler(cast("BinaryIO", target), pickle.DEFAULT_PROTOCOL))


def _unmovable(value: Any) -> str | None:
    """Why a value must not be pickled although it might be."""
    if isinstance(value, io.IOBase) and not isinstance(value, (io.BytesIO, io.StringIO)):
        return "holds an open file: take along its path"
    if (device := _device(value)) is not None:
        return f"holds data on {device}: move it to the CPU first"
    return None


def _device(value: Any) -> str | None:
    """Where the data of an array is, when that isn't this machine's memory."""
    library = type(value).__module__.partition(".")[0]
    if library == "cupy":
        return "a GPU"
    if library == "torch":
        device = str(getattr(value, "device", "cpu"))
        return None if device.partition(":")[0] in ("cpu", "meta") else device
    if library in ("jax", "jaxlib"):
        devices = getattr(value, "devices", None)
        found = devices() if callable(devices) else ()
        return next((str(d) for d in found if getattr(d, "platform", "cpu") != "cpu"), None)
    if library == "tensorflow":
        device = str(getattr(value, "device", ""))
        return device if "GPU" in device or "TPU" in device else None
    return None


def _too_large(chosen: Mapping[str, Any], limit: int) -> TooLarge:
    sizes = {name: _size(value, limit) for name, value in chosen.items()}
    largest = sorted(sizes, key=lambda name: -sizes[name])[:_NAMED]
    listed = ", ".join(f"{name} ({_shown(sizes[name], limit)})" for name in largest)
    return TooLarge(
        f"The variables taken along are over the limit of {limit // _MB} MB; largest: {listed}.",
        hint="Write large data to a file and let the cell read it.",
    )


def _size(value: Any, limit: int) -> int:
    target = _Bounded(limit)
    try:
        _pickler(target).dump(value)
    except _Full:
        return limit + 1
    except Exception:  # noqa: BLE001 - the size is all that is asked here
        return 0
    return target.kept.tell()


def _shown(size: int, limit: int) -> str:
    return f"over {limit // _MB} MB" if size > limit else f"{size / _MB:.1f} MB"


def _kind(value: Any) -> str:
    kind = type(value)
    module = kind.__module__
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"


def _problem(name: str, why: str) -> dict[str, Any]:
    return {"where": f"--with {name}", "message": why}


def _refusal(problems: list[dict[str, Any]]) -> InvalidInput:
    count = "" if len(problems) == 1 else f" ({len(problems)} problems)"
    return InvalidInput(f"Not every variable can be taken along{count}.", problems=problems)
