"""What the forwarder refuses."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from mlops_jupyter import TOKEN, Jupyter
from mlops_standin import Request, StandIn

Serve = Callable[[Callable[[Request], None]], StandIn]
JOB = "0123456789ab"


def test_a34_a_large_body_is_refused_before_it_is_read(jupyter: Jupyter, serve: Serve) -> None:
    """By its length alone; the daemon hears nothing."""
    server = serve(lambda request: request.json({}))
    connection = jupyter.connect()
    connection.putrequest("POST", jupyter.url("api/v1/jobs"))
    connection.putheader("Authorization", f"token {TOKEN}")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(2**30))
    connection.endheaders()
    response = connection.getresponse()
    assert response.status == 413
    assert json.loads(response.read())["code"] == "too_large"
    connection.close()
    assert server.requests == []


def test_a34_a_large_body_without_a_length_is_refused(jupyter: Jupyter, serve: Serve) -> None:
    """As soon as it is too large."""
    serve(lambda request: None)
    connection = jupyter.connect()
    connection.putrequest("POST", jupyter.url("api/v1/jobs"))
    connection.putheader("Authorization", f"token {TOKEN}")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    connection.sock.settimeout(30)
    piece = b"10000\r\n" + b" " * 65536 + b"\r\n"
    try:
        for _ in range(64):
            connection.send(piece)
    except ConnectionError:
        pass  # it has said no already
    try:
        response = connection.getresponse()
        assert response.status == 413
    except ConnectionError:
        pass  # the refusal was overtaken by the reset
    finally:
        connection.close()
    assert "413 too_large" in jupyter.log


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "a/b"])
def test_a06_other_bodies_than_json_are_refused(jupyter: Jupyter, serve: Serve, kind: str) -> None:
    """A form of another site can't send JSON's type."""
    server = serve(lambda request: request.json({}))
    headers = {"Content-Type": kind} if kind else {}
    found = jupyter.ask("POST", "api/v1/jobs", body=b'{"spec": {}}', headers=headers)
    assert (found.status, found.code) == (415, "unsupported_media_type")
    assert server.requests == []


@pytest.mark.parametrize("method", ["PUT", "HEAD"])
def test_other_methods_are_refused(jupyter: Jupyter, serve: Serve, method: str) -> None:
    """The API has none of them."""
    server = serve(lambda request: request.json({}))
    found = jupyter.ask(method, "api/v1/jobs", body=b"{}")
    assert found.status == 405
    assert found.headers["allow"] == "GET, POST, PATCH, DELETE"
    assert server.requests == []


def test_nothing_is_a_service_worker(jupyter: Jupyter, serve: Serve) -> None:
    """A script that a job wrote must not get between the browser and this server."""
    server = serve(lambda request: request.json({}))
    found = jupyter.ask("GET", f"api/v1/jobs/{JOB}/log", headers={"Service-Worker": "script"})
    assert (found.status, found.code) == (403, "refused")
    assert server.requests == []


@pytest.mark.parametrize(
    ("method", "action"),
    [("GET", "read"), ("POST", "execute"), ("PATCH", "write"), ("DELETE", "write")],
)
def test_a03_the_authorizer_decides(
    jupyter: Jupyter, serve: Serve, method: str, action: str
) -> None:
    """Each method is its own action on `mlops`."""
    server = serve(lambda request: request.json({}))
    path = f"api/v1/jobs/{JOB}" + ("/cancel" if method == "POST" else "")
    jupyter.deny(*{"read", "execute", "write"} - {action})
    assert jupyter.ask(method, path).status == 200
    assert set(jupyter.asked()) == {f"{method} {action} mlops"}
    jupyter.deny(action)
    refused = jupyter.ask(method, path)
    assert (refused.status, refused.code) == (403, "forbidden")
    assert len(server.requests) == 1
