"""What the API refuses, and how it says so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jupyter_mlops.settings import Settings

from .mlops_api import problem
from .mlops_served import Served


@pytest.mark.parametrize("job_id", ["x", "..%2f..%2fetc", "0123456789AB", "0" * 13, "a" * 60_000])
def test_a15_only_job_ids_are_job_ids(served, job_id: str) -> None:
    """Anything else is not found, whatever the route."""

    async def story(served: Served) -> None:
        for method, path in (
            ("GET", ""),
            ("DELETE", ""),
            ("POST", "/cancel"),
            ("GET", "/log"),
            ("GET", "/notebook"),
        ):
            answer = await served.ask(method, f"/jobs/{job_id}{path}")
            assert answer.status_code in {400, 404}, (method, path)

    served(story)


def test_a06_a_body_that_is_not_declared_as_json_is_refused(served, make_notebook) -> None:
    """A form or plain text from another site never counts as JSON."""
    body = json.dumps({"spec": {"notebook": str(make_notebook("1"))}})

    async def story(served: Served) -> None:
        for kind in ("text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"):
            answer = await served.ask("POST", "/jobs", content=body, headers={"Content-Type": kind})
            problem(answer, 415, "unsupported_media_type")
        assert (await served.ask("GET", "/jobs")).json()["jobs"] == []

    served(story)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/jobs/0123456789ab/cancel"),
        ("GET", "/shutdown"),
        ("PUT", "/jobs"),
        ("PATCH", "/jobs/0123456789ab"),
        ("POST", "/jobs/0123456789ab"),
    ],
)
def test_a07_reading_changes_nothing(served, method: str, path: str) -> None:
    """A route takes its own methods only."""

    async def story(served: Served) -> None:
        answer = await served.ask(method, path)
        problem(answer, 405, "method_not_allowed")
        assert answer.headers["allow"]
        assert not served.service.leaving.is_set()

    served(story)


def test_an_unknown_address_is_a_problem_too(served) -> None:
    """Every error has the same form."""

    async def story(served: Served) -> None:
        problem(await served.ask("GET", "/nothing"), 404, "not_found")
        problem(await served.client.get("/"), 404, "not_found")

    served(story)


@pytest.mark.parametrize("chunked", [False, True])
def test_a34_a_body_over_the_limit_is_not_read(served, chunked: bool) -> None:
    """413, whether its length was declared or not."""

    async def story(served: Served) -> None:
        async def pieces():
            for _ in range(1000):
                yield b" " * 65536

        content = pieces() if chunked else b" " * (2**20)
        answer = await served.ask(
            "POST", "/jobs", content=content, headers={"Content-Type": "application/json"}
        )
        problem(answer, 413, "too_large")

    served(story, settings=Settings(body_limit=2**16))


@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b'{"spec":' * 100_000, b'{"spec": {"parameters": {"a": ' + b"[" * 100_000],
)
def test_a34_nesting_without_end_is_refused(served, body: bytes) -> None:
    """422, and the daemon is still there."""

    async def story(served: Served) -> None:
        answer = await served.ask(
            "POST", "/jobs", content=body, headers={"Content-Type": "application/json"}
        )
        problem(answer, 422, "invalid_input")
        assert (await served.ask("GET", "/status")).status_code == 200

    served(story)


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b"\xff\xfe", b'{"spec": }', b'""'])
def test_f34_a_body_that_is_no_submission_names_the_place(served, body: bytes) -> None:
    """Never a traceback."""

    async def story(served: Served) -> None:
        answer = await served.ask(
            "POST", "/jobs", content=body, headers={"Content-Type": "application/json"}
        )
        assert problem(answer, 422, "invalid_input")["problems"]

    served(story)


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("state=nope", "state.0"),
        ("limit=0", "limit"),
        ("limit=1e9", "limit"),
        ("cursor=x", "cursor"),
        ("name=" + "x" * 300, "name"),
    ],
)
def test_a30_filters_are_checked(served, query: str, where: str) -> None:
    """A filter that makes no sense is named."""

    async def story(served: Served) -> None:
        answer = await served.ask("GET", f"/jobs?{query}")
        found = problem(answer, 422, "invalid_input")["problems"]
        assert [one["where"] for one in found] == [where]

    served(story)


def test_a10_an_unexpected_error_says_nothing_but_a_number(
    served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has the rest, under the same number."""

    async def story(served: Served) -> None:
        def broken(*_: Any) -> None:
            raise RuntimeError("the inner secret")

        monkeypatch.setattr(served.service.dispatcher, "view", broken)
        answer = await served.ask("GET", "/jobs/0123456789ab")
        problem(answer, 404, "not_found")
        monkeypatch.setattr(served.stage.store, "get", broken)
        document = problem(await served.ask("GET", "/jobs/0123456789ab"), 500, "internal_error")
        assert "inner secret" not in json.dumps(document)
        number = document["detail"].partition("error ")[2].partition(")")[0]
        assert number in caplog.text
        assert "the inner secret" in caplog.text

    served(story)
