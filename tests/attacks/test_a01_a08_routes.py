"""Every address, against everybody who mustn't: walked from the API's own document.

A new address is covered by itself; if it takes a body, it needs one in BODIES, else a test fails.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest

from jupyter_mlops.daemon.app import openapi_document

NOBODYS = "000000000000"
#: A body that gets past the form of each request, by operation.
BODIES: dict[str, Any] = {
    "submit_job": {"spec": {"notebook": "work.ipynb"}},
    "inspect_notebook": {"notebook": "work.ipynb"},
    "rerun_job": {},
    "change_run": {"favourite": True},
    "change_experiment": {"favourite": True},
    "start_run": {"id": "0" * 32, "experiment": "attacked", "name": "attacked"},
    "make_report": {"runs": ["0" * 32]},
    "reproduce_run": {"tolerance": 0.1},
    "clean_space": {"pretend": True},
}
#: What a parameter that has to be given has to look like, where any word won't do.
FIT = {"by": "params.a"}
ACTIONS = {"GET": "read", "POST": "execute", "DELETE": "write", "PUT": "write", "PATCH": "write"}


@dataclass(frozen=True)
class Route:
    """One operation."""

    method: str
    path: str
    name: str
    body: Any = None

    def __str__(self) -> str:
        return self.name


def routes() -> list[Route]:
    """Those of the API's document, and those that aren't the daemon's JSON."""
    found = []
    for path, operations in openapi_document()["paths"].items():
        for method, operation in operations.items():
            name = operation["operationId"]
            filled = re.sub(r"\{\w+\}", NOBODYS, path.removeprefix("/"))
            asked = [p["name"] for p in operation.get("parameters", ()) if p.get("required")]
            query = "&".join(
                f"{one}={FIT.get(one, 'a')}" for one in asked if f"{{{one}}}" not in path
            )
            filled += f"?{query}" if query else ""
            found.append(Route(method.upper(), filled, name, BODIES.get(name)))
    found += [
        Route("GET", "stream", "stream"),
        Route("GET", "mlflow", "mlflow_without_slash"),
        Route("GET", "mlflow/", "mlflow"),
        Route("GET", "mlflow/get-artifact?path=a", "mlflow_artifact"),
        Route("POST", "mlflow/ajax-api/2.0/mlflow/runs/search", "mlflow_post", {}),
        Route("PUT", "mlflow/ajax-api/2.0/mlflow-artifacts/artifacts/a", "mlflow_put", {}),
        Route("PATCH", "mlflow/ajax-api/2.0/mlflow/registered-models/update", "mlflow_patch", {}),
        Route("DELETE", "mlflow/ajax-api/2.0/mlflow/registered-models/delete", "mlflow_delete", {}),
    ]
    return found


ROUTES = routes()
CHANGING = [route for route in ROUTES if route.method != "GET"]
API = [route for route in ROUTES if route.path.startswith("api/")]

every = pytest.mark.parametrize("route", ROUTES, ids=str)


def every_but(*names: str) -> Any:
    """Every route but these."""
    left = [route for route in ROUTES if route.name not in names]
    assert len(left) == len(ROUTES) - len(names)
    return pytest.mark.parametrize("route", left, ids=str)


every_change = pytest.mark.parametrize("route", CHANGING, ids=str)


def send(site: Any, route: Route, **options: Any) -> Any:
    """Send a request to a route."""
    headers = {"Accept": "*/*"} | options.pop("headers", {})
    body = options.pop("body", route.body)
    if body is None and route.method != "GET":
        body = b""
    return site.ask(route.method, route.path, body=body, headers=headers, **options)


def test_every_route_is_covered() -> None:
    """One that takes a body has one here, and none is left over."""
    wanted = {
        operation["operationId"]
        for operations in openapi_document()["paths"].values()
        for operation in operations.values()
        if "requestBody" in operation
    }
    assert set(BODIES) == wanted
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)
    assert len(API) >= 14


@every
def test_a01_without_a_token(site: Any, route: Route) -> None:
    """Neither none nor a wrong one; nothing is said and nothing is done."""
    before = site.job_count()
    for headers in ({}, {"Authorization": "token wrong"}, {"Cookie": "username-x=1"}):
        answer = send(site, route, token=False, headers=headers)
        assert answer.status == 403, route
        assert answer.headers["content-type"] == "application/problem+json"
        assert "location" not in answer.headers
    assert site.job_count() == before
    assert site.jupyter.asked().count(f"{route.method} {ACTIONS[route.method]} mlops") <= 2


@every
def test_a03_without_the_right(site: Any, route: Route) -> None:
    """The authorizer denies this one action."""
    action = ACTIONS[route.method]
    site.jupyter.deny(action)
    answer = send(site, route)
    assert (answer.status, answer.code) == (403, "forbidden")
    assert set(site.jupyter.asked()) == {f"{route.method} {action} mlops"}


@pytest.mark.parametrize("route", [r for r in API if r.name != "shutdown"], ids=str)
def test_a03_with_this_right_alone(site: Any, route: Route) -> None:
    """No other is needed, and the daemon is reached."""
    site.jupyter.deny(*set(ACTIONS.values()) - {ACTIONS[route.method]})
    answer = send(site, route)
    assert answer.status in (200, 201, 404), answer


def test_a04_every_handler_asks_for_a_login(site: Any) -> None:
    """jupyter_server itself looks, and has no warning."""
    assert "JupyterServerAuthWarning" not in site.jupyter.log
    assert "jupyter_mlops | extension was successfully loaded" in site.jupyter.log


@every_change
def test_a05_without_the_xsrf_token(site: Any, route: Route) -> None:
    """With the person's cookies alone, as a form of another site would come."""
    before = site.job_count()
    for headers in ({}, {"Sec-Fetch-Mode": "no-cors"}, {"X-XSRFToken": "wrong"}):
        answer = send(site, route, token=False, headers=site.jupyter.login() | headers)
        assert answer.status == 403, (route, headers)
    assert site.job_count() == before


@pytest.mark.parametrize("route", [r for r in API if r.method != "GET"], ids=str)
def test_a05_same_origin_is_not_enough_for_the_api(site: Any, route: Route) -> None:
    """Only MLflow's front end, which knows no token, is let in by the browser's word."""
    headers = {
        "Sec-Fetch-Site": "same-origin",
        "Origin": f"http://127.0.0.1:{site.jupyter.port}",
    }
    answer = send(site, route, token=False, headers=site.jupyter.login() | headers)
    assert (answer.status, answer.code) == (403, "xsrf")


@pytest.mark.parametrize("route", [r for r in API if r.method != "GET"], ids=str)
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
def test_a06_other_bodies_than_json(site: Any, route: Route, kind: str) -> None:
    """Are refused before anybody reads them."""
    before = site.job_count()
    body = b'{"spec": {"notebook": "work.ipynb"}}'
    answer = send(site, route, body=body, headers={"Content-Type": kind})
    assert (answer.status, answer.code) == (415, "unsupported_media_type")
    assert site.job_count() == before


@pytest.mark.parametrize("route", [r for r in API if r.method != "GET"], ids=str)
def test_a07_a_link_changes_nothing(site: Any, route: Route, done_job: dict[str, Any]) -> None:
    """GET on an address that acts is refused or only reads, whatever its query says."""
    path = route.path.replace(NOBODYS, done_job["id"])
    reading = {r.path for r in API if r.method == "GET"}
    before = site.job_count()
    answer = site.ask("GET", f"{path}?redownload=1&_method=POST")
    if route.path in reading:
        # No job's id is one of a run or an experiment.
        no_such = NOBODYS in route.path and "/jobs" not in path
        assert answer.status == (404 if no_such else 200)
    else:
        assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert site.job_count() == before
    assert site.ask("GET", f"api/v1/jobs/{done_job['id']}").json()["state"] == "succeeded"


@pytest.mark.parametrize("route", API, ids=str)
@pytest.mark.parametrize("method", ["PUT", "PATCH", "HEAD", "OPTIONS"])
def test_a07_other_methods(site: Any, route: Route, method: str) -> None:
    """Do nothing; a preflight gives other sites no rights."""
    if method == "OPTIONS":
        # A browser asks without credentials; with cookies it would hear no more.
        for headers in ({}, site.jupyter.login()):
            asked = headers | {"Origin": "https://evil.example"}
            answer = site.ask(method, route.path, body=b"", headers=asked, token=False)
            assert answer.headers.get("access-control-allow-origin") in (None, "")
            assert answer.body == b""
    else:
        one = re.match(r"api/v1/(runs|experiments)/\w+(\?|$)", route.path)
        taken = method == "PATCH" and one is not None
        assert site.ask(method, route.path, body=b"").status == (415 if taken else 405)


@every_but("stream")  # a WebSocket: see tests/server_ext/test_stream.py
def test_a08_from_another_site(site: Any, route: Route) -> None:
    """With the person's cookies, and even with the XSRF token."""
    headers = site.jupyter.login() | {"X-XSRFToken": site.jupyter.xsrf}
    for origin in ("https://evil.example", "null", f"http://127.0.0.1:{site.jupyter.port}1"):
        answer = send(site, route, token=False, headers=headers | {"Origin": origin})
        assert answer.status == 403, (route, origin)
        assert answer.headers.get("access-control-allow-origin") is None


@every
def test_a08_under_another_name(site: Any, route: Route) -> None:
    """A name that somebody lets point to this machine."""
    answer = send(site, route, headers={"Host": "evil.example"})
    assert answer.status == 403


@every
def test_a11_nobody_is_sent_elsewhere(site: Any, route: Route) -> None:
    """Not even those who aren't logged in."""
    joined = "&" if "?" in route.path else "?"
    path = f"{route.path}{joined}next=//evil.example"
    answer = site.ask(route.method, path, token=False, body=b"" if route.method != "GET" else None)
    assert answer.status == 403
    assert "location" not in answer.headers


# Its own page, a way to it, the end, and no answer at all.
@every_but("mlflow", "mlflow_without_slash", "shutdown", "stream")
def test_a39_no_answer_is_a_page(site: Any, route: Route) -> None:
    """Everything but MLflow's own page is sandboxed, typed and never guessed at."""
    answer = send(site, route)
    assert answer.headers["x-content-type-options"] == "nosniff"
    if route.path.startswith("api/"):
        assert "sandbox" in answer.headers["content-security-policy"]
        assert not answer.headers["content-type"].startswith("text/html")
        assert answer.headers["cache-control"] == "no-store"
