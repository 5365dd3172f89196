"""10,000 runs × 20 metrics in the embedded store, written as MLflow's client would within hours.

A cell of a job: the browser test submits it, so it runs where the daemon under test keeps its runs.
"""

import math
import random
import sqlite3

from jupyter_mlops import paths

RUNS, WITH_POINTS, POINTS = 10_000, 400, 40
START = 1_700_000_000_000
METRICS = ["accuracy", "loss", "val/accuracy", "val/loss", *(f"score_{n:02}" for n in range(16))]
HOSTILE = "<img src=x onerror=alert(1)>"


def seed() -> None:
    """Fill an experiment of its own, unless it is there."""
    chance = random.Random(7)
    connection = sqlite3.connect(paths.mlflow_dir() / "mlflow.db", timeout=60)
    with connection:
        if connection.execute("SELECT 1 FROM experiments WHERE name = 'digits'").fetchone():
            return
        experiment = connection.execute(
            "INSERT INTO experiments (name, artifact_location, lifecycle_stage, creation_time,"
            " last_update_time, workspace)"
            " VALUES ('digits', 'mlflow-artifacts:/7', 'active', 1, 1, 'default')"
        ).lastrowid
        rows: dict[str, list[tuple]] = {
            "runs": [],
            "last": [],
            "points": [],
            "params": [],
            "tags": [],
        }
        for number in range(RUNS):
            add(rows, chance, number, experiment)
        connection.executemany(
            "INSERT INTO runs (run_uuid, name, status, start_time, end_time, experiment_id,"
            " source_type, source_name, entry_point_name, user_id, source_version,"
            " lifecycle_stage, artifact_uri) VALUES (?, ?, ?, ?, ?, ?,"
            " 'UNKNOWN', '', '', 'ada', '', 'active', '')",
            rows["runs"],
        )
        for table, kept in (("latest_metrics", "last"), ("metrics", "points")):
            connection.executemany(
                f"INSERT INTO {table} (key, value, timestamp, step, is_nan, run_uuid)"
                " VALUES (?, ?, ?, ?, 0, ?)",
                rows[kept],
            )
        for table in ("params", "tags"):
            connection.executemany(
                f"INSERT INTO {table} (key, value, run_uuid) VALUES (?, ?, ?)", rows[table]
            )
    connection.close()


def add(rows: dict[str, list[tuple]], chance: random.Random, number: int, experiment: int) -> None:
    """One run: the later, the better it got."""
    run_id = f"{number:08x}{chance.getrandbits(96):024x}"
    began = START + number * 60_000
    name = f"{chance.choice(['wide', 'deep', 'small', 'tuned'])}-{number}"
    if number == RUNS - 3:
        name = f"hostile {HOSTILE}"
    status = chance.choices(["FINISHED", "FAILED", "KILLED"], [90, 7, 3])[0]
    ended = began + chance.randrange(20_000, 900_000)
    rows["runs"].append((run_id, name, status, began, ended, experiment))
    params = {
        "lr": chance.choice(["0.1", "0.03", "0.01", "0.003", "0.001"]),
        "layers": chance.choice(["[64]", "[64, 64]", "[256, 64]"]),
        "batch_size": chance.choice(["32", "64", "128"]),
        "optimizer": chance.choice(["adam", "sgd", "lion"]),
        "seed": str(chance.randrange(1000)),
    }
    rows["params"] += [(key, value, run_id) for key, value in params.items()]
    tags = {"mlflow.runName": name, "team": chance.choice(["vision", "nlp"])}
    if number % 97 == 0:
        tags["mlflow.note.content"] = "Worth a second look: the loss still falls."
    rows["tags"] += [(key, value, run_id) for key, value in tags.items()]
    best = 0.75 + 0.2 * (number / RUNS) + chance.random() * 0.04
    for place, key in enumerate(METRICS):
        falls = "loss" in key
        last = (1 - best) * 2.5 if falls else best if place < 4 else chance.random()
        points = POINTS if number >= RUNS - WITH_POINTS and place < 6 else 1
        for step in range(points):
            rest = math.exp(-5 * (step + 1) / points) if points > 1 else 0.0
            noise = chance.gauss(0, 0.01) if step < points - 1 else 0.0
            value = last + (rest * 0.6 if falls else -rest * 0.5) + noise
            stamp = began + step * 500
            rows["points"].append((key, value, stamp, step, run_id))
        rows["last"].append((key, value, stamp, points - 1, run_id))


if __name__ == "__main__":
    seed()
    print("seeded")
