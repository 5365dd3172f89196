"""Which addresses are passed on, and as what."""

from __future__ import annotations

from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlops.server_ext.addresses import ADDRESS_MAX, api_target, below, mlflow_target
from jupyter_mlops.server_ext.refusals import BadAddress


@pytest.mark.parametrize(
    ("base", "raw", "expected"),
    [
        ("/", "/mlops/api/v1/jobs", "/api/v1/jobs"),
        ("/user/x/", "/user/x/mlops/api/v1/jobs", "/api/v1/jobs"),
        ("/user/x%40y/", "/user/x%40y/mlops/mlflow/", "/mlflow/"),
        ("/mlops/mlops/", "/mlops/mlops/mlops/api/v1/jobs", "/api/v1/jobs"),
    ],
)
def test_the_base_is_left_out(base: str, raw: str, expected: str) -> None:
    """Whatever it contains."""
    assert below(raw, base) == expected


@pytest.mark.parametrize(
    "path",
    ["/api/v1/jobs", "/api/v1/jobs/0123456789ab/notebook-info", "/api/v1/job-spec.json"],
)
def test_the_api_is_passed_on_as_it_is(path: str) -> None:
    """With its query."""
    assert api_target(path, "") == path
    assert api_target(path, "a=1&a=2&b=%20") == f"{path}?a=1&a=2&b=%20"


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1",
        "/api/v1/",
        "/api/v2/jobs",
        "/api/v1/jobs/",
        "/api/v1//jobs",
        "/api/v1/../mlflow",
        "/api/v1/./jobs",
        "/api/v1/jobs/..",
        "/api/v1/jobs/...",
        "/api/v1/jobs/.hidden",
        "/api/v1/jobs/..%2f..%2fetc%2fpasswd",
        "/api/v1/jobs/%2e%2e/x",
        "/api/v1/jobs/%252e%252e/x",
        "/api/v1/jobs/..\\x",
        "/api/v1/jobs/a\0",
        "/api/v1/jobs/%00",
        "/api/v1/jobs/a b",
        "/api/v1/jobs/é",
        "/api/v1/jobs\r\nX: y",
        "/api/v1/jobs\n",
        "/shutdown",
        "/api/v1/" + "a" * ADDRESS_MAX,
    ],
)
def test_a12_odd_addresses_of_the_api_are_refused(path: str) -> None:
    """Plain, encoded and twice encoded; nothing of them reaches the daemon."""
    with pytest.raises(BadAddress) as caught:
        api_target(path, "")
    assert caught.value.http_status == 400


@pytest.mark.parametrize(
    "path",
    [
        "/mlflow/../api/v1/jobs",
        "/mlflow/%2e%2e/api/v1/jobs",
        "/mlflow/%2E%2e/x",
        "/mlflow/%252e%252e/x",
        "/mlflow/%25252e%25252e/x",
        "/mlflow/a/..%2fx",
        "/mlflow/a/%2e%2e%2fx",
        "/mlflow/a%2fb",
        "/mlflow/a%252fb",
        "/mlflow/..\\x",
        "/mlflow/..%5cx",
        "/mlflow/%00",
        "/mlflow/%0d%0aX:%20y",
        "/mlflow/./x",
        "/mlflow/100%",
        "/mlflow/%zz",
        "/mlflow/a b",
        "/mlflow/é",
        "/mlflowx",
        "/other",
    ],
)
def test_a12_odd_addresses_of_mlflow_are_refused(path: str) -> None:
    """However often somebody behind us decodes them."""
    with pytest.raises(BadAddress):
        mlflow_target(path, "")


@pytest.mark.parametrize("name", ["path", "artifact_path", "artifact_file_path"])
@pytest.mark.parametrize("value", ["..%2fx", "a/../b", "%252e%252e%252fx", "..%5cx", "a%00"])
def test_a12_paths_in_queries_of_mlflow_are_refused(name: str, value: str) -> None:
    """MLflow judges them, too; it had to learn it several times."""
    with pytest.raises(BadAddress):
        mlflow_target("/mlflow/get-artifact", f"run_uuid=1&{name}={value}")


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/mlflow/", ""),
        ("/mlflow/ajax-api/2.0/mlflow/runs/search", ""),
        ("/mlflow/get-artifact", "path=plots%2Ffigure%201.png&run_uuid=1"),
        ("/mlflow/get-artifact", "path=100%25.txt"),
        ("/mlflow/static-files/static/js/main.0a1b.js", ""),
        ("/mlflow/ajax-api/2.0/mlflow-artifacts/artifacts/a%20b.txt", ""),
        ("/mlflow/ajax-api/2.0/mlflow/experiments/get", "experiment_id=1&x=.."),
    ],
)
def test_what_mlflow_asks_for_is_passed_on(path: str, query: str) -> None:
    """As it was written."""
    assert mlflow_target(path, query) == path + (f"?{query}" if query else "")


@pytest.mark.parametrize("name", ["token", "_xsrf", "%74oken", "no_track_activity"])
def test_a10_a_logins_token_is_not_passed_on(name: str) -> None:
    """Whoever logs in by the address's token tells it the Jupyter server alone."""
    assert api_target("/api/v1/jobs", f"a=1&{name}=secret&b=2") == "/api/v1/jobs?a=1&b=2"
    assert api_target("/api/v1/jobs", f"{name}=secret") == "/api/v1/jobs"


@pytest.mark.parametrize("query", ["a=b c", "a=é", "a=1\r\nX: y", "a=\0", "a=%00"])
def test_a31_a_query_cant_begin_a_line(query: str) -> None:
    """What isn't printable ASCII has to come encoded."""
    with pytest.raises(BadAddress):
        api_target("/api/v1/jobs", query)


@given(st.text(alphabet="./%2ef5cC\\a0", max_size=30))
def test_a12_nothing_that_climbs_gets_through(tail: str) -> None:
    """Whatever is passed on has no way up, however often it is decoded."""
    try:
        found = mlflow_target(f"/mlflow/{tail}", "")
    except BadAddress:
        return
    for _ in range(10):
        assert ".." not in found.split("/")
        assert "\\" not in found
        found = unquote(found)


@given(st.text(min_size=1, max_size=40).filter(lambda name: not set(name) & set("/\\\0\r\n")))
def test_any_file_name_can_be_an_artifact(name: str) -> None:
    """A name is encoded once, as browsers do; only names that look encoded themselves may fail."""
    if name in (".", "..") or "%" in name:
        return
    encoded = quote(name, safe="")
    path = f"/mlflow/ajax-api/2.0/mlflow-artifacts/artifacts/{encoded}"
    assert mlflow_target(path, "") == path
