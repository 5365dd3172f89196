"""The daemon, the store and MLflow."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from jupyter_mlops import paths
from jupyter_mlops.cli.checks.finding import Finding, ok, problem, warning
from jupyter_mlops.cli.console import one_line
from jupyter_mlops.client import Client
from jupyter_mlops.errors import MlopsError
from jupyter_mlops.starting import own_version

_ANSWER = 10.0
_TRACKING_ANSWER = 5.0


def daemon() -> list[Finding]:
    """The daemon starts, answers, and is of our version."""
    name = "daemon"
    client = Client(timeout=_ANSWER)
    try:
        found = client.status()
    except MlopsError as error:
        mend = f"Mend that, then: jupyter mlops daemon restart. Its log: {paths.daemon_log()}"
        return [problem(name, error.detail, mend)]
    finally:
        client.close()
    running, mine = str(found.get("version")), own_version()
    if running != mine:
        detail = f"Version {running} runs, {mine} is installed."
        return [warning(name, detail, "jupyter mlops daemon restart")]
    return [ok(name, f"version {running}, process {found.get('pid')}")]


def store() -> list[Finding]:
    """The jobs' store is whole."""
    file, name = paths.store_file(), "store"
    if not file.exists():
        return [ok(name, "none yet")]
    why = damage(file)
    if why:
        mend = (
            f"Stop the daemon (jupyter mlops daemon stop), then put a backup in place or save what "
            f"can be read: sqlite3 {file} .recover > saved.sql"
        )
        return [problem(name, f"{file} is damaged: {why}", mend)]
    return [ok(name, str(file))]


def damage(file: Path) -> str:
    """What is wrong with a SQLite file; empty when it is whole. Nothing is written."""
    try:
        connection = sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True, timeout=5.0)
        try:
            (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        return f"{error}."
    return "" if answer == "ok" else f"{one_line(answer)}."


def mlflow() -> list[Finding]:
    """The tracking server answers, or the embedded store is whole."""
    told = _told_by_daemon()
    name, uri = "mlflow", os.environ.get("MLFLOW_TRACKING_URI") or str(told.get("uri", ""))
    if uri:
        found = _server(name, uri)
        # It answers, but may take nothing: credentials, permissions.
        why = told.get("detail") or (told.get("runs") or {}).get("detail")
        if found.status == "ok" and why:
            mend = "What is to be recorded is kept. jupyter mlops daemon restart tries anew."
            return [warning(name, one_line(why), mend)]
        return [found]
    file = paths.mlflow_dir() / "mlflow.db"
    if not file.exists():
        return [ok(name, "embedded store, none yet")]
    if why := damage(file):
        mend = f"Move {file} away; a new one is made, the runs in it are lost from MLflow."
        return [problem(name, f"{file} is damaged: {why}", mend)]
    return [ok(name, f"embedded store, {file}")]


def _told_by_daemon() -> dict[str, Any]:
    """What the running daemon says of where it records runs: its settings may name a server."""
    client = Client(start=False, timeout=_ANSWER)
    try:
        found: dict[str, Any] = client.status()["tracking"]
    except MlopsError:
        return {}  # what is wrong with it, its own check says
    finally:
        client.close()
    return found


def _server(name: str, uri: str) -> Finding:
    parts = urlsplit(uri)
    mend = (
        "Check the server and MLFLOW_TRACKING_URI (or tracking_uri in mlops.yaml); jobs run "
        "meanwhile, their runs follow later."
    )
    # What a person may have written into the address isn't for a screen or a bug report.
    shown = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    if parts.scheme not in ("http", "https"):
        return ok(name, f"runs are kept in {shown}")
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import urlopen

    try:
        plain = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="")
        health = plain._replace(path=parts.path.rstrip("/") + "/health").geturl()
        with urlopen(health, timeout=_TRACKING_ANSWER) as answer:  # noqa: S310 - http(s), see above
            status = answer.status
    except HTTPError as error:
        status = error.code
    except (URLError, OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        return warning(name, f"{shown} doesn't answer: {one_line(reason)}.", mend)
    if status in (401, 403):
        # It answers; whether the credentials are right shows with the first run.
        return ok(name, f"{shown} answers, and asks for credentials")
    if status >= 500:
        return warning(name, f"{shown} answers with an error ({status}).", mend)
    return ok(name, f"{shown} answers")
