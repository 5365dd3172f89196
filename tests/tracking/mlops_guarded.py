"""A tracking server with MLflow's auth app on: users, permissions, and tokens that can expire."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import urllib.request
from pathlib import Path
from typing import Any

from .mlops_wire import TrackingServerProcess

ADMIN, PASSWORD = "admin", "a-password-of-the-admin"
#: The password of everybody else.
WORD = "a-password-of-people"

#: What the server asks who somebody is: passwords as MLflow does, tokens by a file.
_AUTHENTICATION = """
import os
from flask import request
from mlflow.server.auth import authenticate_request_basic_auth, make_basic_auth_response
from werkzeug.datastructures import Authorization

def authenticate():
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind != "Bearer":
        return authenticate_request_basic_auth()
    with open(os.environ["TOKENS_OF_TEST"]) as file:
        users = dict(line.split() for line in file)
    if token not in users:
        return make_basic_auth_response()
    return Authorization("basic", {"username": users[token], "password": ""})
"""


class GuardedServer(TrackingServerProcess):
    """`mlflow server --app-name basic-auth`; who has no permission of an experiment may read it."""

    def __init__(self, directory: Path, database: Path) -> None:
        """Its files, the store among them, lie in `directory`."""
        self.directory, self.database = directory, database
        self.tokens = directory / "tokens"
        self.tokens.touch()
        (directory / "tokens_of_test.py").write_text(_AUTHENTICATION)
        config = directory / "auth.ini"
        config.write_text(
            "[mlflow]\ndefault_permission = READ\n"
            f"database_uri = sqlite:///{directory / 'users.db'}\n"
            f"admin_username = {ADMIN}\nadmin_password = {PASSWORD}\n"
            "authorization_function = tokens_of_test:authenticate\n"
            # Checking a password takes a second of a machine that has other things to do.
            "auth_cache_ttl_seconds = 3600\n"
        )
        super().__init__(
            directory,
            database,
            "--app-name",
            "basic-auth",
            MLFLOW_AUTH_CONFIG_PATH=str(config),
            MLFLOW_FLASK_SERVER_SECRET_KEY="a-secret-of-the-test",
            TOKENS_OF_TEST=str(self.tokens),
            PYTHONPATH=os.pathsep.join([str(directory), os.environ.get("PYTHONPATH", "")]),
        )

    @property
    def uri(self) -> str:
        """What clients are given."""
        return f"http://127.0.0.1:{self.port}"

    def as_admin(
        self, method: str, path: str, body: dict[str, Any], *, version: str = "2.0"
    ) -> Any:
        """What is answered to the administrator."""
        known = base64.b64encode(f"{ADMIN}:{PASSWORD}".encode()).decode()
        request = urllib.request.Request(
            f"{self.uri}/api/{version}/mlflow/{path}",
            data=json.dumps(body).encode(),
            method=method,
            headers={"Content-Type": "application/json", "Authorization": f"Basic {known}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def add_user(self, name: str, password: str = WORD) -> None:
        """Somebody without any permission of their own."""
        self.as_admin("POST", "users/create", {"username": name, "password": password})

    def change_password(self, name: str, password: str) -> None:
        """The one before isn't good any more."""
        body = {"username": name, "password": password}
        self.as_admin("PATCH", "users/update-password", body)

    def allow(self, experiment_id: str, name: str, permission: str) -> None:
        """Give somebody a permission of an experiment."""
        self.as_admin(
            "POST",
            "users/permissions/grant",
            {
                "username": name,
                "resource_type": "experiment",
                "resource_id": experiment_id,
                "permission": permission,
            },
            version="3.0",
        )

    def experiment(self, name: str) -> str:
        """The id of a new experiment of the administrator's."""
        found = self.as_admin("POST", "experiments/create", {"name": name})
        return str(found["experiment_id"])

    def issue(self, token: str, name: str) -> None:
        """A token of somebody's, good from now on."""
        with self.tokens.open("a") as file:
            file.write(f"{token} {name}\n")

    def revoke(self, token: str) -> None:
        """It has expired."""
        lines = self.tokens.read_text().splitlines(keepends=True)
        self.tokens.write_text("".join(line for line in lines if not line.startswith(f"{token} ")))

    def rows(self, question: str, *values: Any) -> list[tuple[Any, ...]]:
        """Of its database."""
        connection = sqlite3.connect(self.database, timeout=30)
        try:
            return connection.execute(question, values).fetchall()
        finally:
            connection.close()

    def run_of(self, ours: str) -> str:
        """The run that carries our id; empty when there is none."""
        found = self.rows(
            "SELECT run_uuid FROM tags WHERE key = 'mlops.run_id' AND value = ?", ours
        )
        assert len(found) <= 1
        return str(found[0][0]) if found else ""

    def status(self, ours: str) -> str:
        """Of that run; empty when there is none."""
        found = self.rows("SELECT status FROM runs WHERE run_uuid = ?", self.run_of(ours))
        return str(found[0][0]) if found else ""

    def points(self, ours: str, key: str = "loss") -> list[tuple[int, float]]:
        """Step and value of a metric of that run, by step."""
        return self.rows(
            "SELECT step, value FROM metrics WHERE run_uuid = ? AND key = ? ORDER BY step",
            self.run_of(ours),
            key,
        )
