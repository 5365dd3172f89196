"""MLflow through the Jupyter server: who may, from where, and what an artifact can do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from mlops_jupyter import Jupyter  # noqa: TC002 - beside us, not a third party
from mlops_standin import Request, StandIn

Serve = Callable[[Callable[[Request], None]], StandIn]
SEARCH = "mlflow/ajax-api/2.0/mlflow/runs/search"


def html(request: Request) -> None:
    """A page."""
    body = b"<script>alert(1)</script>"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nX-Frame-Options: DENY\r\n"
    request.raw(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)


def test_mlflows_page_is_a_page(jupyter: Jupyter, serve: Serve) -> None:
    """Its scripts run, in a frame of this origin."""
    server = serve(html)
    found = jupyter.ask("GET", "mlflow/", headers={"Origin": "http://evil", "Host": "localhost"})
    assert found.status == 200
    policy = found.headers["content-security-policy"]
    assert "frame-ancestors 'self'" in policy
    assert "sandbox" not in policy
    assert "default-src" not in policy
    assert "x-frame-options" not in found.headers
    (request,) = server.requests
    assert request.target == "/mlflow/"
    assert request.headers["host"] == "localhost"
    assert "origin" not in request.headers
    assert "x-mlops-root" not in request.headers


def test_the_address_without_its_slash_leads_to_the_page(jupyter: Jupyter, serve: Serve) -> None:
    """And nowhere else, whatever is asked for."""
    serve(html)
    found = jupyter.ask("GET", "mlflow?next=//evil.example")
    assert found.status == 302
    assert found.headers["location"] == "/user/x%40y/mlops/mlflow/"


@pytest.mark.parametrize(
    "path",
    [
        "mlflow/get-artifact?path=report.html&run_uuid=1",
        "mlflow/model-versions/get-artifact?path=x.html&name=m&version=1",
        "mlflow/ajax-api/2.0/mlflow-artifacts/artifacts/1/x.html",
        "mlflow/ajax-api/2.0/mlflow/logged-models/m-1/artifacts/files?artifact_file_path=x.html",
        "mlflow/ajax-api/2.0/mlflow/get-trace-artifact?request_id=1",
        "mlflow/anything/else",
    ],
)
def test_a39_what_others_made_is_never_a_page(jupyter: Jupyter, serve: Serve, path: str) -> None:
    """Sandboxed, typed as said, and saved rather than shown."""
    serve(html)
    found = jupyter.ask("GET", path)
    assert found.status == 200
    assert "sandbox" in found.headers["content-security-policy"].split("; ")
    assert found.headers["x-content-type-options"] == "nosniff"
    assert found.headers["content-disposition"].startswith("attachment")


def test_an_artifact_keeps_its_name(jupyter: Jupyter, serve: Serve) -> None:
    """Also when it would have been shown."""

    def answer(request: Request) -> None:
        request.raw(
            b"HTTP/1.1 200 OK\r\nContent-Type: image/svg+xml\r\nContent-Length: 2\r\n"
            b'Content-Disposition: inline; filename="plot 1.svg"\r\n\r\nok'
        )

    serve(answer)
    found = jupyter.ask("GET", "mlflow/get-artifact?path=plot%201.svg")
    assert found.headers["content-disposition"] == 'attachment; filename="plot 1.svg"'


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://127.0.0.1:{port}"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:{port}"},
        {"Sec-Fetch-Site": "cross-site", "X-XSRFToken": "{xsrf}"},
        {"X-XSRFToken": "{xsrf}"},
    ],
)
def test_a05_mlflows_own_requests_pass(
    jupyter: Jupyter, serve: Serve, headers: dict[str, str]
) -> None:
    """They have no token, but the browser says where they come from."""
    server = serve(lambda request: request.json({}))
    sent = jupyter.login() | {"Content-Type": "application/json"}
    sent |= {n: v.format(port=jupyter.port, xsrf=jupyter.xsrf) for n, v in headers.items()}
    found = jupyter.ask("POST", SEARCH, body=b"{}", token=False, headers=sent)
    assert found.status == 200
    assert server.requests[0].body == b"{}"
    assert "cookie" not in server.requests[0].headers


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1.evil.example:{port}"},
        {"Origin": "http://127.0.0.1:{port}0"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:{port}"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a05_other_sites_requests_dont(
    jupyter: Jupyter, serve: Serve, headers: dict[str, str], method: str
) -> None:
    """With the person's cookies, but from elsewhere."""
    server = serve(lambda request: request.json({}))
    sent = jupyter.login() | {n: v.format(port=jupyter.port) for n, v in headers.items()}
    found = jupyter.ask(method, SEARCH, body=b"{}", token=False, headers=sent)
    assert found.status == 403
    assert server.requests == []


@pytest.mark.parametrize(
    ("method", "action"),
    [
        ("GET", "read"),
        ("POST", "execute"),
        ("PUT", "write"),
        ("PATCH", "write"),
        ("DELETE", "write"),
    ],
)
def test_a03_the_authorizer_decides(
    jupyter: Jupyter, serve: Serve, method: str, action: str
) -> None:
    """As everywhere."""
    server = serve(lambda request: request.json({}))
    body = None if method == "GET" else b"{}"
    jupyter.deny(*{"read", "execute", "write"} - {action})
    assert jupyter.ask(method, SEARCH, body=body).status == 200
    jupyter.deny(action)
    assert jupyter.ask(method, SEARCH, body=body).status == 403
    assert len(server.requests) == 1


def test_an_upload_streams(jupyter: Jupyter, serve: Serve) -> None:
    """An artifact arrives as it was sent."""
    server = serve(lambda request: request.json({}))
    data = bytes(range(256)) * 2000
    headers = {"Content-Type": "application/octet-stream"}
    path = "mlflow/ajax-api/2.0/mlflow-artifacts/artifacts/a.bin"
    assert jupyter.ask("PUT", path, body=data, headers=headers).status == 200
    assert server.requests[0].body == data


def test_a12_an_artifacts_path_cant_climb(jupyter: Jupyter, serve: Serve) -> None:
    """MLflow isn't even asked."""
    server = serve(html)
    for path in ("mlflow/get-artifact?path=../../etc/passwd", "mlflow/a/%252e%252e/b"):
        found = jupyter.ask("GET", path)
        assert (found.status, found.code) == (400, "bad_address")
    assert server.requests == []
