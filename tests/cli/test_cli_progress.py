"""The live line and the plain lines, drawn without a terminal."""

from __future__ import annotations

import io
import os
import sys
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlops_script import cells, make_job

from jupyter_mlops.cli import progress
from jupyter_mlops.cli.console import Console, clean, fit, one_line, width_of
from jupyter_mlops.cli.progress import Bar, Lines, Silent, View, clock, painter


class Screen(io.StringIO):
    """A terminal that remembers what it was sent."""

    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        """It is one."""
        return True

    def fileno(self) -> int:
        """Standard output's: its size is what the test says."""
        return 1


def console(stdout: Any) -> Console:
    """A console on that stdout."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stdout)
        return Console()


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """A terminal of 80 columns."""
    monkeypatch.setenv("NO_COLOR", "1")
    resize(monkeypatch, 80)
    return Screen()


def resize(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """Make the terminal that wide."""
    monkeypatch.setattr(os, "get_terminal_size", lambda _fd: os.terminal_size((columns, 24)))


def view(*events: dict[str, Any], **fields: Any) -> View:
    """A view that has seen these events."""
    found = View(make_job(created_at=time.time(), **fields))
    for event in events:
        found.take(event)
    return found


def test_the_line_says_it_all(screen: Screen) -> None:
    """Name, bar, cells, time, the current cell's first line, the last output."""
    line = Bar(console(screen)).line(view(*cells("import os", "model.fit(X, y)", "plot()", stop=1)))
    assert line.startswith("train  ━━━━━──────────  1/3  0:00  model.fit(X, y)")
    assert line.endswith("› out 1")


def test_a_job_that_waits_says_why(screen: Screen) -> None:
    """Instead of a bar that can't move."""
    waiting = view(state="queued", waiting_for="4 CPUs (2 free)")
    assert Bar(console(screen)).line(waiting) == "train  queued  0:00  waits for 4 CPUs (2 free)"


def test_a_job_that_is_cancelled_says_so(screen: Screen) -> None:
    """Beside the bar."""
    found = view(*cells("a", stop=0), cancelling=True)
    assert Bar(console(screen)).line(found).endswith("  cancelling")
    found.state = "writing HTML"
    assert "cancelling" not in Bar(console(screen)).line(found)


def test_a_later_attempt_is_named(screen: Screen) -> None:
    """With the bar at its beginning again."""
    found = view(*cells("a", "b"), {"type": "attempt", "number": 2})
    assert Bar(console(screen)).line(found) == "train (attempt 2)  starting  0:00"


@given(
    columns=st.integers(1, 250),
    name=st.text(max_size=60),
    source=st.text(max_size=300),
    text=st.text(max_size=300),
    done=st.integers(0, 12),
)
def test_the_line_never_wraps(columns: int, name: str, source: str, text: str, done: int) -> None:
    """However wide the terminal and whatever the notebook contains, wide characters included."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_COLOR", "1")
        resize(patch, columns)
        found = view(
            {"type": "prepared", "total": 10},
            {"type": "cell_started", "index": 1, "source": source},
            {"type": "stream", "index": 1, "name": "stdout", "text": text},
            name=name.translate(dict.fromkeys(range(32))).replace("\x7f", "").strip() or "n",
        )
        found.done = done
        line = Bar(console(Screen())).line(found)
        assert width_of(line) < columns or columns == 1
        assert "\n" not in line
        assert clean(line) == line


def test_it_is_drawn_at_most_ten_times_a_second(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand events within a second are ten drawings."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    bar, found = Bar(console(screen)), view(*cells("a", stop=0))
    for _ in range(1000):
        now[0] += 0.001
        bar.update(found, {"type": "stream", "text": "x"})
    assert 9 <= screen.getvalue().count("\r") <= 11


def test_the_line_goes_away_at_the_end(screen: Screen) -> None:
    """What is said next begins on an empty line."""
    bar = Bar(console(screen))
    bar.update(view(), None)
    bar.end()
    bar.end()
    assert screen.getvalue().endswith("\r\x1b[K")
    assert screen.getvalue().count("\r") == 2


def test_no_colour_when_not_wanted(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR takes the colours away, not the line; without it there are some."""
    found = view(*cells("a", "b", stop=1))
    assert "\x1b[" not in Bar(console(screen)).line(found)
    monkeypatch.delenv("NO_COLOR")
    assert "\x1b[32m" in Bar(console(screen)).line(found)


def test_a_terminal_that_can_only_ascii(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar is drawn with ASCII."""
    monkeypatch.setattr(Screen, "encoding", "ascii")
    line = Bar(console(screen)).line(view(*cells("a", "b", stop=1)))
    assert "#######--------" in line
    assert line.isascii()


def test_what_suits_the_console(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bar on a terminal, lines where it can't be redrawn or is none, nothing when quiet."""
    assert isinstance(painter(console(screen), quiet=False), Bar)
    assert isinstance(painter(console(screen), quiet=True), Silent)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(painter(console(screen), quiet=False), Lines)
    assert isinstance(painter(console(io.StringIO()), quiet=False), Lines)
    assert isinstance(painter(console(None), quiet=False), Silent)


def test_plain_lines() -> None:
    """One a cell, one a change of state, and what the runner has to say."""
    out = io.StringIO()
    lines, found = Lines(console(out)), view(state="queued", waiting_for="a CPU")
    lines.update(found, None)
    lines.update(found, None)
    events = [
        *cells("a = 1", "b = 2", stop=1),
        {"type": "note", "text": "no output for 600 s"},
        {"type": "output", "output": {"output_type": "error", "ename": "E", "evalue": "bad"}},
        {"type": "cell_finished", "index": 1, "status": "failed"},
        {"type": "reconnected"},
        {"type": "attempt", "number": 2},
    ]
    for event in events:
        found.take(event)
        lines.update(found, event)
    said = [line.partition("] ")[2] for line in out.getvalue().splitlines()]
    assert said == [
        "queued: waits for a CPU",
        "starting",
        "running",
        "cell 1/2  a = 1",
        "cell 2/2  b = 2",
        "no output for 600 s",
        "cell 2/2 failed  E: bad",
        "the daemon was started again; the job went on",
        "attempt 2",
    ]


@pytest.mark.parametrize(
    ("texts", "shown"),
    [
        (["one\ntwo\n"], "two"),
        (["one\n", "tw", "o"], "two"),
        (["10%\r20%\r30%"], "30%"),
        (["50%|#####     \r", "60%|######    "], "60%|######"),
        (["\x1b[31mred\x1b[0m\n\n"], "red"),
        (["text\n", "\n  \n"], "text"),
        (["\x1b]0;title\x07plain"], "plain"),
    ],
)
def test_the_last_line_of_output(texts: list[str], shown: str) -> None:
    """Lines may come in pieces, and progress bars return the carriage."""
    found = view(*[{"type": "stream", "text": text} for text in texts])
    assert found.last_output == shown


def test_the_last_result() -> None:
    """A result with a text is shown, the address of an object isn't."""
    result = {"output_type": "execute_result", "data": {"text/plain": ["0.97", "\n..."]}}
    found = view({"type": "output", "output": result})
    assert found.last_output == "0.97"
    found.take({"type": "output", "output": {"data": {"text/plain": "<Figure size 640x480>"}}})
    assert found.last_output == "0.97"


def test_time() -> None:
    """As a clock shows it."""
    assert [clock(s) for s in (0, 59.9, 61, 3599, 3661)] == [
        "0:00", "0:59", "1:01", "59:59", "1:01:01",
    ]  # fmt: skip


def test_f42_time_passes_when_the_clock_is_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two readings of the job, the elapsed time doesn't ask the wall clock."""
    found = view()
    monkeypatch.setattr(progress.time, "time", lambda: 0.0)
    assert found.elapsed < 3600


@pytest.mark.parametrize(
    ("dirty", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]0;title\x07name", "name"),
        ("\x9b2Jcleared", "cleared"),
        ("a\rb\x08c\x00d\x7f", "abcd"),
        ("\x1bPpayload\x1b\\x", "x"),
        ("\x1bcreset", "reset"),
        ("abc\u202efdp.exe", "abcfdp.exe"),
        ("one\u2028two\n\tthree", "onetwo\n\tthree"),
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        ("\ud800", ""),
        ("👨‍👩‍👧 报告", "👨‍👩‍👧 报告"),
    ],
)
def test_a32_escapes_never_reach_the_terminal(dirty: str, shown: str) -> None:
    """Sequences, control characters and marks that reorder text are taken out."""
    assert clean(dirty) == shown


@given(st.text())
def test_a32_whatever_the_text(text: str) -> None:
    """Nothing that a terminal obeys is left, and cleaning twice changes nothing."""
    found = clean(text)
    assert all(c >= " " or c in "\t\n" for c in found)
    assert not any("\x7f" <= c <= "\x9f" for c in found)
    assert clean(found) == found
    assert "\n" not in one_line(text)


@given(st.text(), st.integers(0, 60))
def test_cut_text_fits(text: str, columns: int) -> None:
    """Never wider than asked for; untouched when it fits."""
    text = one_line(text)
    found = fit(text, columns)
    assert width_of(found) <= columns
    if width_of(text) <= columns:
        assert found == text
