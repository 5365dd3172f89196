"""ARCHITECTURE.md has the addresses, events, files and refusals that there are."""

from __future__ import annotations

import json
import re

from mlops_documents import ROOT, sources

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.server_ext import refusals

TEXT = (ROOT / "ARCHITECTURE.md").read_text("utf-8")


def test_every_address_of_the_api() -> None:
    """Method, path and the parameters of its query, as docs/openapi.json has them."""
    table = TEXT.partition("## HTTP API of the daemon")[2].partition("\n## ")[0]
    documented = {
        (method, re.sub(r"\{\w+\}", "{}", path), frozenset(re.findall(r"(\w+)=", query or "")))
        for method, path, query in re.findall(
            r"\b(GET|POST|PATCH|DELETE) (/[\w{}./-]+)(\?[\w=&]+)?", table
        )
    }
    wanted = set()
    for path, methods in json.loads((ROOT / "docs" / "openapi.json").read_text())["paths"].items():
        for method, operation in methods.items():
            query = {p["name"] for p in operation.get("parameters", []) if p["in"] == "query"}
            plain = re.sub(r"\{\w+\}", "{}", path.removeprefix("/api/v1"))
            wanted.add((method.upper(), plain, frozenset(query)))
    assert wanted <= documented
    # Besides the table, the text speaks of addresses, without their queries.
    assert {found[:2] for found in documented} == {found[:2] for found in wanted}


def test_every_event_of_an_attempt() -> None:
    """Those that the runner writes."""
    table = TEXT.partition("Events: ")[2].partition("Doorbell: ")[0]
    documented = set(re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE))
    written = set(re.findall(r'\._?(?:append|add)\(\s*"(\w+)"', sources("jobs/runner")))
    assert documented == written


def test_every_refusal_of_the_server() -> None:
    """With its status."""
    own = [
        kind
        for kind in vars(refusals).values()
        if isinstance(kind, type)
        and issubclass(kind, MlopsError)
        and kind.__module__ == refusals.__name__
    ]
    assert len(own) > 5
    text = TEXT.partition("## Through the Jupyter server")[2].partition("\n## ")[0]
    missing = [kind.code for kind in own if f"`{kind.code}`" not in text]
    assert missing == []
    assert [k.code for k in own if str(k.http_status) not in text] == []
