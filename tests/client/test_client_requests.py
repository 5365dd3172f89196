"""What the client asks, and what it makes of refusals."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from jupyter_mlops.errors import (
    Busy,
    Conflict,
    InvalidInput,
    MlopsError,
    NotFound,
    StoreFull,
    StoreUnusable,
    TooLarge,
)

from .mlops_logs import JOB, Serve, client

if TYPE_CHECKING:
    from mlops_standin import Request


def test_threads_have_connections_of_their_own(serve: Serve) -> None:
    """Eight threads with one client get their own answers."""

    def answer(request: Request) -> None:
        time.sleep(0.01)
        request.json({"id": request.path.rpartition("/")[2]})

    serve(answer)
    asking = client()
    wrong: list[str] = []

    def work(number: int) -> None:
        for count in range(20):
            job_id = f"{number:06x}{count:06x}"
            if asking.job(job_id)["id"] != job_id:
                wrong.append(job_id)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_forked_process_leaves_its_parents_connections_alone(serve: Serve) -> None:
    """The child speaks on a connection of its own."""
    server = serve(lambda request: request.json({"id": JOB}))
    program = (
        "import os; from jupyter_mlops.client import Client\n"
        f"asking = Client(start=False); asking.job('{JOB}'); child = os.fork()\n"
        f"asking.job('{JOB}') if child == 0 else os.waitpid(child, 0)\n"
        f"asking.job('{JOB}') if child else os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
    assert [r.on_connection for r in server.requests] == [1, 2, 1]


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (422, "invalid_input", InvalidInput),
        (404, "not_found", NotFound),
        (409, "conflict", Conflict),
        (413, "too_large", TooLarge),
        (503, "busy", Busy),
        (507, "store_full", StoreFull),
        (500, "store_unusable", StoreUnusable),
        (404, "a_code_of_the_future", NotFound),
        (418, "teapot", MlopsError),
    ],
)
def test_problems_become_errors(
    serve: Serve, status: int, code: str, kind: type[MlopsError]
) -> None:
    """Each problem document is the error it stands for, with its hint and places."""
    problem = {
        "code": code,
        "detail": "What.",
        "hint": "Do.",
        "problems": [{"where": "a", "message": "b"}],
    }
    serve(lambda request: request.json(problem, status))
    with pytest.raises(MlopsError) as caught:
        client().status()
    error = caught.value
    assert type(error) is kind
    assert (error.detail, error.hint, error.stable_code) == ("What.", "Do.", code)
    assert error.problems == [{"where": "a", "message": "b"}]


def test_an_error_that_isnt_json(serve: Serve) -> None:
    """What the server said is told."""
    serve(lambda r: r.raw(b"HTTP/1.1 500 X\r\nContent-Length: 4\r\n\r\nOops"))
    with pytest.raises(MlopsError, match="answered 500: Oops"):
        client().status()


def test_filters_become_a_query(serve: Serve) -> None:
    """Repeated and special values are encoded; what isn't given is left out."""
    server = serve(lambda request: request.json({"jobs": [], "next": None}))
    client().jobs(states=("queued", "failed"), name="a&b=ü/%", limit=5)
    assert server.requests[0].target == (
        "/api/v1/jobs?state=queued&state=failed&name=a%26b%3D%C3%BC%2F%25&limit=5"
    )


def test_all_jobs_goes_through_the_pages(serve: Serve) -> None:
    """Every page is asked for by the cursor of the one before."""

    def answer(request: Request) -> None:
        last = "cursor=c1" in request.target
        request.json({"jobs": [{"id": "b" if last else "a"}], "next": None if last else "c1"})

    server = serve(answer)
    assert [job["id"] for job in client().all_jobs(name="n")] == ["a", "b"]
    assert [r.target for r in server.requests] == [
        "/api/v1/jobs?name=n",
        "/api/v1/jobs?name=n&cursor=c1",
    ]


@pytest.mark.parametrize("job_id", ["../status", "..", "", "a/b", "a?b=c", "a b\r\nX: y", "%2e%2e"])
def test_a15_an_id_stays_one_part_of_the_path(serve: Serve, job_id: str) -> None:
    """Whatever is given as an id, no other route is reached by it."""
    server = serve(lambda request: request.json({"code": "not_found", "detail": "No."}, 404))
    with pytest.raises(NotFound):
        client().job(job_id)
    target = server.requests[0].target
    assert target.startswith("/api/v1/jobs/")
    assert "/" not in target.removeprefix("/api/v1/jobs/")
    assert ".." not in target
    assert "?" not in target


@pytest.mark.parametrize("key", ["a\r\nX-Mlops-Root: /", "", "x" * 256, "ключ"])
def test_a_key_cant_be_another_header(serve: Serve, key: str) -> None:
    """An idempotency key with a line break would be one; it is refused before anything is sent."""
    server = serve(lambda request: request.json({}))
    with pytest.raises(InvalidInput, match="idempotency key"):
        client().submit({"notebook": "n"}, idempotency_key=key)
    assert server.requests == []
