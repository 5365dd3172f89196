"""docs/jobs.md has every state, every reason and every limit, and none that there isn't."""

from __future__ import annotations

import re

from mlops_documents import first_column, sections, sources, text_of

from jupyter_mlops.converters import localcode
from jupyter_mlops.converters.dialects import languages
from jupyter_mlops.jobs.model import State
from jupyter_mlops.jobs.order import OutputLimits

NAME = "jobs.md"


def test_every_state() -> None:
    """In the order in which a job goes through them."""
    rows = re.findall(r"^\| (\w+) \|", sections(NAME)["States"], flags=re.MULTILINE)
    assert [row for row in rows if row != "state"] == [state.value for state in State]


def test_every_code_of_a_failure() -> None:
    """Those that the runner, the state machine and the dispatcher give."""
    source = sources(
        "jobs/runner", "jobs/state.py", "jobs/watcher.py", "jobs/attempts.py", "jobs/capacity.py"
    )
    codes = re.findall(r'\bcode="(\w+)"(?: if .+? else "(\w+)")?', source)
    wanted = {code for pair in codes for code in pair if code}
    assert len(wanted) > 15
    assert set(first_column(sections(NAME)["Why a job failed"])) == wanted


def test_limits() -> None:
    """Sizes and counts are those of the code."""
    limits = OutputLimits()
    text = text_of(NAME)
    assert f"{limits.cell_bytes >> 20} MB a cell and {limits.total_bytes >> 20} MB" in text
    assert f"{limits.single_bytes >> 20} MB of one display" in text
    assert f"{localcode.MAX_BYTES >> 20} MB of code and {localcode.MAX_FILES:,} files" in text


def test_every_language() -> None:
    """That parameters can be written in."""
    text = sections(NAME)["Other kernels"]
    found = re.search(r"in the kernel's own language: (.+?)\.", text)
    assert found
    named = {name.strip().lower() for name in re.split(r", | and ", found[1])}
    assert named == {name.lower() for name in languages()}
