"""What cells print, as a page shows it: colours stay, nothing else does."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlops.converters.html.ansi import ansi_html, terminal_text


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a<b>&\"'", "a&lt;b&gt;&amp;&quot;&#x27;"),
        ("\x1b[1;31mred\x1b[0m", '<span class="fg-1 bold">red</span>'),
        ("\x1b[38;5;208mx", '<span style="color:#ff8700">x</span>'),
        ("\x1b[38;2;1;2;3mx", '<span style="color:#010203">x</span>'),
        ("\x1b[48;5;250mx", '<span style="background-color:#bcbcbc">x</span>'),
        ("\x1b[7mx", '<span class="fg-inverse bg-inverse">x</span>'),
        ("\x1b[91mx\x1b[39my", '<span class="fg-9">x</span>y'),
        ("\x1b[2J\x1b[Hx", "x"),
        ("\x1b]0;title\x07x", "x"),
        ("\x1b]8;;https://evil.example\x07x\x1b]8;;\x07", "x"),
        ("\x1b[999999999999mx", "x"),
        ("\x1b[38;5mx\x1b[38mx\x1b[38;2;1mx", "xxx"),
        ("a\x00b\x07c\x7f", "abc"),
    ],
)
def test_a32_colours_are_kept_and_other_sequences_removed(text, html):
    """Attack 32: nothing that a terminal would act on is left."""
    assert ansi_html(text) == html


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="\x1b[];m0123456789:?ABHJK<>&\"'\x07\\ax", max_size=60))
def test_a32_no_sequence_breaks_out(text):
    """Whatever the sequences are, only spans come out, opened and closed."""
    html = ansi_html(text)
    assert "\x1b" not in html
    left = re.sub(r'<span(?: class="[\w -]+")?(?: style="[\w:;#-]+")?>[^<>]*</span>', "", html)
    assert "<" not in left
    assert ">" not in left


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("10%\r20%\r100%\n", "100%\n"),
        ("abc\rX", "Xbc"),
        ("a\r\nb", "a\nb"),
        ("abd\bc", "abc"),
        ("\b\bx", "x"),
        ("abc\r\n\rX", "abc\nX"),
        ("plain", "plain"),
    ],
)
def test_progress_bars_show_their_last_state(text, shown):
    """As a terminal would."""
    assert terminal_text(text) == shown


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        "a\b" * 500_000 + "\b" * 100_000,
        "a" * 900_000 + "\b" * 900_000,
        "x\r" * 900_000,
        "\x1b[" * 900_000,
        "\x1b]" * 900_000,
        "\x1b[" + "0" * 1_900_000,
        "\x1b[" + "1;" * 900_000 + "m",
    ],
    ids=lambda text: repr(text[:4]),
)
def test_hostile_terminal_output_is_rendered_in_bounded_time(text):
    """As above, for what a cell prints."""
    ansi_html(terminal_text(text))
