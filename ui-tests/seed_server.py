"""A tracking server as a team has it, for the browser tests: MLflow's auth app on, runs in it.

`python seed_server.py DIRECTORY PORT [RUNS]` fills a new store in the directory and becomes
`mlflow server`; it answers to `ada` with the password below.
"""

import math
import os
import random
import sys
import time
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

USER, PASSWORD = "ada", "a-password-of-ada"
START = 1_700_000_000_000
RUNS, POINTS = 320, 25
SMALL = {"churn": 12, "drafts": 3}
OPTIMIZERS = ["adam", "sgd", "lion"]


def fill(client: MlflowClient, name: str, runs: int) -> None:
    """One experiment; the later a run, the better it got."""
    chance = random.Random(len(name))
    experiment = client.create_experiment(name)
    for number in range(runs):
        began = START + number * 60_000
        run = client.create_run(experiment, began, run_name=f"run-{number:04}")
        best = 0.7 + 0.2 * number / runs + chance.random() * 0.05
        last = POINTS if number >= runs - 20 else 1
        points = [
            Metric(key, value, began + step * 500, step)
            for step in range(last)
            for rest in [math.exp(-5 * (step + 1) / last)]
            for key, value in [("accuracy", best - rest / 2), ("loss", 1 - best + rest)]
        ]
        params = {
            "lr": chance.choice(["0.1", "0.01", "0.001"]),
            "optimizer": OPTIMIZERS[number % len(OPTIMIZERS)],
            "seed": str(number),
        }
        tags = [RunTag("mlflow.user", chance.choice(["ada", "grace"]))]
        if number % 40 == 0:
            tags.append(RunTag("team", "vision"))
        client.log_batch(
            run.info.run_id, points, [Param(key, value) for key, value in params.items()], tags
        )
        if number == runs - 1:
            continue  # it goes on
        status = "FAILED" if number % 9 == 4 else "FINISHED"
        client.set_terminated(run.info.run_id, status, began + 30_000)


def main() -> None:
    """Fill the store and serve it."""
    directory, port = Path(sys.argv[1]), sys.argv[2]
    store = f"sqlite:///{directory / 'server.db'}"
    client = MlflowClient(store)
    for name, runs in {"digits": int(sys.argv[3]) if sys.argv[3:] else RUNS, **SMALL}.items():
        fill(client, name, runs)
        time.sleep(0.01)  # experiments come by their last change, in milliseconds
    config = directory / "auth.ini"
    config.write_text(
        "[mlflow]\ndefault_permission = MANAGE\n"
        f"database_uri = sqlite:///{directory / 'users.db'}\n"
        f"admin_username = {USER}\nadmin_password = {PASSWORD}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        # Checking a password takes a second of a machine that has other things to do.
        "auth_cache_ttl_seconds = 3600\n"
    )
    command = [
        sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth",
        "--backend-store-uri", store, "--artifacts-destination", str(directory / "artifacts"),
        "--host", "127.0.0.1", "--port", port, "--workers", "1",
    ]  # fmt: skip
    environment = {
        **os.environ,
        "MLFLOW_AUTH_CONFIG_PATH": str(config),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "a-secret-of-the-tests",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        environment.pop(name, None)
    os.execve(sys.executable, command, environment)


if __name__ == "__main__":
    main()
