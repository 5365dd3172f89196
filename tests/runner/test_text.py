"""Text for logs: control sequences, progress bars, long lines."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlops.jobs.runner.text import LogText, strip_controls


@pytest.mark.parametrize(
    ("given_", "wanted"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07x\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "xlink"),
        ("a\x1bPq#0\x1b\\b\x1b_x\x1b\\c\x9b2Jd", "abcd"),
        ("\x1b(Ba\x1b=b\x1b7c\x1bMd", "abcd"),
        ("a\0b\x08c\x7fd\x85e", "abcde"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("\x1b", ""),
        ("\x1b[31", "31"),
    ],
)
def test_a32_control_sequences_are_removed(given_: str, wanted: str):
    """What a terminal would act on isn't in the text any more; the words are."""
    assert strip_controls(given_) == wanted


@given(st.text(max_size=200))
def test_nothing_of_control_is_left(text: str):
    """Whatever comes in, only tab and newline come out."""
    assert not [c for c in strip_controls(text) if ord(c) < 32 and c not in "\t\n"]
    assert not [c for c in strip_controls(text) if 0x7F <= ord(c) < 0xA0]


@given(st.text(st.sampled_from("ab\n\r\t"), max_size=60), st.lists(st.integers(0, 60), max_size=6))
def test_log_text_does_not_depend_on_the_pieces(text: str, cuts: list[int]):
    """Fed in one piece or in many, the same lines come out."""
    whole = LogText()
    wanted = whole.feed(text) + whole.overdue()
    pieces = LogText()
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    found = "".join(pieces.feed(text[a:b]) for a, b in pairwise(places))
    assert found + pieces.overdue() == wanted


def test_progress_bars_leave_their_last_state():
    """Overwritten lines show what was on the screen in the end."""
    log = LogText()
    said = "".join(log.feed(f"\r{number}%") for number in range(0, 101, 10))
    assert said == ""
    assert log.feed("\ndone\r\nnext") == "100%\ndone\n"
    assert log.overdue() == "next\n"
    assert log.overdue() == ""


def test_a_line_without_an_end_is_written_in_pieces():
    """Memory doesn't grow with a line that never ends."""
    log = LogText()
    written = sum(len(log.feed("x" * 1000)) for _ in range(3000))
    assert written > 2_000_000
