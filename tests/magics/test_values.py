"""`--with`: what can be taken along, and what is said of what can't."""

from __future__ import annotations

import base64
import io
import pickle
import socket
import sys
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlops.errors import InvalidInput, TooLarge
from jupyter_mlops.magics.values import names_of, taken_along


def loaded(encoded: str | None) -> dict[str, Any]:
    """What the job's kernel would have."""
    assert encoded is not None
    found: dict[str, Any] = pickle.loads(base64.b64decode(encoded))
    return found


def refused(name: str, value: Any) -> str:
    """What is said of a variable."""
    with pytest.raises(InvalidInput) as caught:
        taken_along([name], {name: value})
    (problem,) = caught.value.problems
    assert problem["where"] == f"--with {name}"
    return str(problem["message"])


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], []),
        (["a,b", "c"], ["a", "b", "c"]),
        ([" a , b ,", "a"], ["a", "b"]),
        ([","], []),
    ],
)
def test_names(texts: list[str], expected: list[str]) -> None:
    """Each once, in their order."""
    assert names_of(texts) == expected


def test_nothing_is_taken_along_unasked() -> None:
    """No names, no values."""
    assert taken_along([], {"a": 1}) is None


nested = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@given(nested)
def test_a24_values_arrive_as_they_are(value: Any) -> None:
    """Whatever they hold: data, never code."""
    assert loaded(taken_along(["x"], {"x": value, "y": 1})) == {"x": value}


def test_what_is_shared_stays_shared() -> None:
    """Two variables that are one object are one object in the job."""
    shared = [1]
    found = loaded(taken_along(["a", "b"], {"a": shared, "b": {"inner": shared}}))
    assert found["a"] is found["b"]["inner"]


def test_common_things_of_the_trade() -> None:
    """Arrays, tables, models, functions, classes of the notebook's own."""
    import numpy as np
    import pandas as pd
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
    local = types.FunctionType((lambda a: a + 1).__code__, {"__name__": "__main__"})
    local.__module__ = "__main__"
    variables = {
        "array": np.arange(3),
        "table": pd.DataFrame({"a": [1, 2]}),
        "model": model,
        "function": local,
        "text": io.StringIO("kept"),
    }
    found = loaded(taken_along(variables, variables))
    assert found["array"].tolist() == [0, 1, 2]
    assert found["table"].a.sum() == 3
    assert found["model"].predict([[3.0]]).round(6).tolist() == [6.0]
    assert found["function"](1) == 2
    assert found["text"].read() == "kept"


@pytest.fixture
def odd_things(tmp_path: Path) -> Iterator[dict[str, tuple[Any, str, str]]]:
    """Name → value, its type as it is named, a part of the reason."""
    with (tmp_path / "file").open("w+") as file, socket.socket() as found:
        yield {
            "generator": ((n for n in range(3)), "generator", "can't be pickled"),
            "lock": (threading.Lock(), "lock", "can't be pickled"),
            "file": (file, "TextIOWrapper", "open file"),
            "raw": (file.buffer.raw, "FileIO", "open file"),
            "nested": ({"deep": [file]}, "dict", "open file"),
            "sock": (found, "socket.socket", "can't be pickled"),
            "thread": (threading.Thread(), "Thread", "can't be pickled"),
            "frame": (sys._getframe(), "frame", "can't be pickled"),
        }


def test_what_cant_be_taken_along_is_named(
    odd_things: dict[str, tuple[Any, str, str]],
) -> None:
    """With its type and why."""
    for name, (value, kind, why) in odd_things.items():
        said = refused(name, value)
        assert kind in said, said
        assert why in said, said


def test_everything_that_is_wrong_is_told_at_once(
    odd_things: dict[str, tuple[Any, str, str]],
) -> None:
    """And what is fine isn't."""
    variables = {name: value for name, (value, _, _) in odd_things.items()} | {"fine": 1}
    with pytest.raises(InvalidInput) as caught:
        taken_along([*variables], variables)
    assert {p["where"] for p in caught.value.problems} == {f"--with {n}" for n in odd_things}


def test_modules_and_absent_names() -> None:
    """Are told before anything is pickled."""
    variables = {"sys": sys, "x": 1}
    with pytest.raises(InvalidInput) as caught:
        taken_along(["sys", "x", "nope", "a b"], variables)
    said = {p["where"].removeprefix("--with "): p["message"] for p in caught.value.problems}
    assert set(said) == {"sys", "nope", "a b"}
    assert "is a module" in said["sys"]
    assert "isn't defined" in said["nope"]
    assert "isn't the name of a variable" in said["a b"]


def fake(library: str, **attributes: Any) -> Any:
    """An array as a library of that name would have it."""
    kind = type("Tensor", (), attributes)
    kind.__module__ = f"{library}.somewhere"
    return kind()


class Device:
    """A device of jax."""

    platform = "cuda"

    def __str__(self) -> str:
        return "cuda:0"


@pytest.mark.parametrize(
    ("value", "device"),
    [
        (fake("torch", device="cuda:1"), "cuda:1"),
        (fake("torch", device="mps"), "mps"),
        (fake("cupy"), "a GPU"),
        (fake("jaxlib", devices=lambda _: {Device()}), "cuda:0"),
        (fake("tensorflow", device="/job:localhost/device:GPU:0"), "GPU:0"),
    ],
)
def test_arrays_on_a_gpu_are_refused(value: Any, device: str) -> None:
    """Nested or not: the job may have another GPU, or none."""
    for found in (value, [value], {"a": (value,)}):
        said = refused("x", found)
        assert device in said
        assert "move it to the CPU" in said


def test_arrays_in_memory_are_not() -> None:
    """The same libraries' arrays on the CPU are data like any other."""
    from jupyter_mlops.magics.values import _device

    assert _device(fake("torch", device="cpu")) is None
    assert _device(fake("tensorflow", device="/device:CPU:0")) is None
    assert _device(fake("jaxlib", devices=lambda _: set())) is None
    assert _device(3) is None


@pytest.mark.parametrize("hidden", [False, True])
def test_the_limit_names_the_largest(monkeypatch: pytest.MonkeyPatch, hidden: bool) -> None:
    """With their sizes; also without cloudpickle."""
    if hidden:
        monkeypatch.setitem(sys.modules, "cloudpickle", None)
    variables = {
        "small": b"x",
        "big": b"x" * 3 * 2**20,
        "bigger": b"y" * 9 * 2**20,
        "mid": b"z" * 2**20,
    }
    with pytest.raises(TooLarge) as caught:
        taken_along(variables, variables, limit=8 * 2**20)
    assert "limit of 8 MB" in caught.value.detail
    assert "bigger (over 8 MB), big (3.0 MB), mid (1.0 MB)" in caught.value.detail
    assert taken_along(["big", "mid"], variables, limit=8 * 2**20)


def test_without_cloudpickle_the_notebooks_own_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They would only be found in this very kernel; what to do is told."""
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    main = sys.modules["__main__"]
    kind = type("Mine", (), {"__module__": "__main__"})
    monkeypatch.setattr(main, "Mine", kind, raising=False)
    said = refused("x", kind())
    assert "Mine" in said
    assert "cloudpickle" in said
    assert loaded(taken_along(["y"], {"y": [1]})) == {"y": [1]}


class Explodes:
    """Something whose own code fails."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __reduce__(self) -> Any:
        raise self.error


class CantBeLoaded:
    """Something that is pickled well and never loaded."""

    def __reduce__(self) -> Any:
        return (int, ("not a number",))


@pytest.mark.parametrize("error", [ValueError("odd"), RuntimeError(""), RecursionError("deep")])
def test_whatever_goes_wrong_is_told(error: Exception) -> None:
    """Pickling runs anybody's code."""
    assert "Explodes" in refused("x", Explodes(error))


def test_what_cant_be_loaded_again_is_refused() -> None:
    """It would fail in the job only."""
    assert "can't be pickled" in refused("x", CantBeLoaded())


def test_an_interrupt_is_an_interrupt() -> None:
    """Pickling may take long."""
    with pytest.raises(KeyboardInterrupt):
        taken_along(["x"], {"x": Explodes(KeyboardInterrupt())})


def test_deep_nesting_is_told() -> None:
    """Rather than a crash."""
    deep: list[Any] = []
    for _ in range(200_000):
        deep = [deep]
    assert "deep" in refused("x", deep)
    while deep:  # freeing it at once would recurse as deeply
        deep = deep[0]
