"""A job as HTML and as text."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlops.cli.progress import View
from jupyter_mlops.magics.console import spoken
from jupyter_mlops.magics.page import bundle, html, text

EVIL = "<img src=x onerror=alert(1)>\"'&<script>alert(2)</script>\x1b[31m"


def a_job(**fields: Any) -> dict[str, Any]:
    """A job as the API answers."""
    return {
        "id": "0123456789ab",
        "name": "train",
        "state": "running",
        "cancelling": False,
        "spec": {"tags": {}, "parameters": {}},
        "attempt": 1,
        "created_at": 1.0,
        "started_at": 2.0,
        "ended_at": None,
        "duration": None,
        "waiting_for": "",
        "failure": None,
        "progress": {"total": 5, "done": 2, "current": 2, "current_source": "fit()"},
        "last_output": "epoch 3",
        "metrics": {},
        "warnings": [],
        "tracking": {"run_id": None, "synced": False, "detail": "", "uri": "", "experiment": None},
        "outputs": {"directory": "/d", "notebook": None, "html": None, "log": None},
    } | fields


class Read(HTMLParser):
    """What a browser would make of it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag that a browser would see."""
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        """Text."""
        self.text += data


@pytest.mark.parametrize("state", ["queued", "running", "succeeded", "failed", "cancelled"])
def test_a36_whatever_a_job_says_is_text(state: str) -> None:
    """Names, outputs, reasons, failures, metrics, paths."""
    failure = {"message": EVIL, "hint": EVIL, "code": "x", "traceback": EVIL, "cell_index": 1}
    outputs = dict.fromkeys(("directory", "notebook", "html", "log"), EVIL)
    job = a_job(
        name=EVIL,
        state=state,
        waiting_for=EVIL,
        last_output=EVIL,
        failure=failure if state == "failed" else None,
        metrics={EVIL: 1.0},
        warnings=[EVIL],
        outputs=outputs,
        tracking={"run_id": EVIL, "synced": True, "detail": EVIL, "uri": EVIL, "experiment": EVIL},
        progress={"total": 5, "done": 2, "current": 2, "current_source": EVIL},
    )
    found = Read(html(View(job)))
    assert set(found.tags) <= {
        "div",
        "strong",
        "span",
        "code",
        "progress",
        "table",
        "tr",
        "th",
        "td",
    }
    assert {name for name, _ in found.attributes} <= {
        "role", "aria-label", "style", "max", "value", "scope",
    }  # fmt: skip
    assert "\x1b" not in text(View(job))


@given(st.text(), st.text(), st.text())
def test_a36_no_text_is_a_tag(name: str, said: str, source: str) -> None:
    """Whatever it is."""
    progress = {"total": 2, "done": 0, "current": 0, "current_source": source}
    found = Read(html(View(a_job(name=name, last_output=said, progress=progress))))
    assert found.tags.count("div") == 2 + bool(View(a_job(last_output=said)).last_output) + bool(
        found.text and View(a_job(progress=progress, last_output="")).source
    )
    assert "img" not in found.tags


def test_while_it_runs() -> None:
    """State, progress, time, what runs and what it said last."""
    page = html(View(a_job()))
    assert '<progress max="5" value="2"' in page
    assert 'aria-label="2 of 5 cells"' in page
    assert 'role="region" aria-label="Job train"' in page
    assert "running, 2 of 5 cells, " in page
    assert "epoch 3" in page
    assert "fit()" in page
    assert "%mlops attach 0123456789ab" in text(View(a_job()))


def test_why_it_waits() -> None:
    """Is said."""
    job = a_job(state="queued", waiting_for="2 CPUs (1 free)", started_at=None)
    assert "queued: waits for 2 CPUs (1 free)" in html(View(job))
    assert "queued: waits for 2 CPUs (1 free)" in text(View(job))


def test_cancelling_is_said() -> None:
    """Until it is cancelled."""
    assert "running: cancelling" in html(View(a_job(cancelling=True)))


def test_how_it_ended() -> None:
    """With its metrics and where its results are; no progress any more."""
    job = a_job(
        state="succeeded",
        duration=3.5,
        metrics={"accuracy": 0.98},
        outputs={
            "directory": "/d",
            "notebook": "/d/n.ipynb",
            "html": "/d/n.html",
            "log": "/d/n.log",
        },
    )
    page = html(View(job))
    assert "<progress" not in page
    assert "succeeded, 3.50 s" in page
    assert "accuracy" in page
    assert "0.98" in page
    assert "/d/n.html" in page
    assert "accuracy  0.98" in text(View(job))


def test_why_it_failed() -> None:
    """The message and what can be done, in the words of a notebook."""
    failure = {"message": "Cell 3 raised", "hint": "See `jupyter mlops logs 0123`.", "code": "x"}
    page = html(View(a_job(state="failed", failure=failure)))
    assert "Cell 3 raised" in page
    assert "`%mlops logs 0123`" in page


def test_colours_are_the_themes() -> None:
    """So that it is right in light and dark; a fallback is only for other front ends."""
    for state in ("queued", "running", "succeeded", "failed", "cancelled"):
        for name, value in Read(html(View(a_job(state=state)))).attributes:
            if name == "style" and value and "#" in value:
                assert "var(--jp-" in value


def test_every_front_end_finds_something() -> None:
    """Ours the job's id, others HTML or text."""
    found = bundle(View(a_job()))
    assert found["application/vnd.jupyter-mlops.job+json"] == {"id": "0123456789ab"}
    assert set(found) == {"application/vnd.jupyter-mlops.job+json", "text/html", "text/plain"}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("run `jupyter mlops jobs`", "run `%mlops jobs`"),
        ("jupyter mlops rerun 12 --latest", "%mlops rerun 12 --latest"),
        ("my-jupyter mlops jobs", "my-jupyter mlops jobs"),
        ("jupyter mlops is nice", "jupyter mlops is nice"),
        ("usage: jupyter mlops VERB", "usage: %mlops VERB"),
    ],
)
def test_commands_are_named_as_magics(said: str, expected: str) -> None:
    """And only commands are."""
    assert spoken(said) == expected
