"""The outputs of a cell and their limits."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from mlops_runner import TEXT

from jupyter_mlops.jobs.order import OutputLimits
from jupyter_mlops.jobs.runner.outputs import Budget, OutputList


def _list(**limits: int) -> OutputList:
    whole = OutputLimits(
        **({"cell_bytes": 1000, "total_bytes": 5000, "single_bytes": 600} | limits)
    )
    return OutputList([], whole, Budget(whole.total_bytes))


def test_text_is_cut_where_the_limit_is():
    """The beginning, a marker with the size, the end."""
    outputs = _list()
    assert outputs.stream("stdout", "a" * 900) == "a" * 900
    assert outputs.stream("stdout", "b" * 200) == "b" * 100
    assert outputs.overflowing
    outputs.omit(json.dumps({"name": "stdout", "text": "the end\n"}).encode())
    added = outputs.close()
    assert [name for name, _ in added] == ["stdout"] * 3
    (output,) = outputs.outputs
    assert output["text"].startswith("a" * 900 + "b" * 100 + "\n[0.0 MB omitted")
    assert output["text"].endswith("the end\n")


def test_a_clear_makes_room():
    """What is cleared doesn't count any more."""
    outputs = _list()
    for number in range(50):
        outputs.clear(wait=True)
        assert outputs.before_output()
        assert outputs.stream("stdout", f"{number} " + "x" * 800)
    outputs.close()
    assert outputs.outputs[0]["text"].startswith("49 ")
    assert len(outputs.outputs) == 1


def test_errors_are_never_left_out():
    """Whatever the limit, the error that ended a cell is there, its end if it is long."""
    outputs = _list()
    outputs.stream("stdout", "x" * 2000)
    outputs.error("E", "why", ["first " + "x" * 2**20, "last line"])
    error = outputs.outputs[-1]
    assert error["traceback"][-1] == "last line"
    assert sum(map(len, error["traceback"])) <= 2**20


def test_text_is_whole_whatever_follows():
    """Text in pieces is put together before the next output, of any kind."""
    outputs = _list()
    outputs.stream("stdout", "a")
    outputs.stream("stdout", "b\n")
    for _ in range(2):
        outputs.display({"output_type": "display_data", "data": {}, "metadata": {}}, 0)
    outputs.stream("stderr", "c")
    outputs.stream("stderr", "d")
    outputs.error("E", "why", [])
    outputs.error("E", "why", [])
    assert [output.get("text") for output in outputs.outputs] == [
        "ab\n",
        None,
        None,
        "cd",
        *[None] * 2,
    ]


@given(
    st.lists(
        st.tuples(st.sampled_from(["stdout", "stderr", "display", "clear", "wait"]), TEXT),
        max_size=40,
    )
)
def test_outputs_never_exceed_their_limits(steps: list[tuple[str, str]]):
    """Whatever is printed, shown and cleared, what is held stays within the limit and a marker."""
    outputs = _list(cell_bytes=700)
    for kind, text in steps:
        if kind in ("clear", "wait"):
            outputs.clear(wait=kind == "wait")
            continue
        outputs.before_output()
        if kind == "display":
            outputs.display({"output_type": "display_data", "data": {}, "metadata": {}}, len(text))
        else:
            outputs.stream(kind, text)
    outputs.close()
    held = sum(len(output.get("text", "")) for output in outputs.outputs)
    assert held <= 700 + 200 + 4 * 60 * 40
    assert all(isinstance(output.get("text", ""), str) for output in outputs.outputs)
