"""What a job's kernel is told so that the person's own `mlflow` calls land in the job's run. Pure.

`MLFLOW_RUN_ID` makes the notebook's first `mlflow.start_run()` (or `mlflow.log_metric()` without
one) continue the job's run, `MLFLOW_EXPERIMENT_ID` puts further runs beside it. `MLOPS_RUN_ID`
stays when MLflow has taken the former away.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_URI = "MLFLOW_TRACKING_URI"
_EXPERIMENT_NAME = "MLFLOW_EXPERIMENT_NAME"
#: Waits of 0, 2, 4, …, 64 s: a restart of the daemon is ridden out, a real outage is told.
_DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "8",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    # It would print addresses that need the job's token; the job's own page has the link.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
#: Would send other credentials, meant for another server, in place of the token.
_OTHER_CREDENTIALS = {"MLFLOW_TRACKING_AUTH": "", "MLFLOW_TRACKING_AWS_SIGV4": "false"}
_PROXIES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")


def directed_elsewhere(given: Mapping[str, str]) -> bool:
    """Whether the job was given a tracking server of its own: it gets nothing of ours then, above
    all no token.
    """
    return bool(given.get(_URI))


def for_embedded(
    address: str,
    token: str,
    *,
    run_id: str | None,
    experiment_id: str | None,
    experiment: str,
    inherited: Mapping[str, str],
) -> dict[str, str]:
    """The environment of a kernel whose calls go to the daemon.

    Args:
        address: the daemon's own, "http://127.0.0.1:<port>".
        token: the job's.
        run_id: the job's run; None when it isn't there in time.
        experiment_id: its experiment; None when it isn't known yet.
        experiment: the experiment's name.
        inherited: what the kernel gets besides.
    """
    found = {
        _URI: address,
        "MLFLOW_TRACKING_TOKEN": token,
        **{name: value for name, value in _DEFAULTS.items() if name not in inherited},
        **{name: value for name, value in _OTHER_CREDENTIALS.items() if name in inherited},
    }
    if "MLFLOW_TRACKING_USERNAME" in inherited or _credentials_file().exists():
        # These win over a token in MLflow's client.
        found |= {"MLFLOW_TRACKING_USERNAME": "mlops", "MLFLOW_TRACKING_PASSWORD": token}
    if any(inherited.get(name) for name in _PROXIES):
        found |= _no_proxy(inherited)
    return found | _run(run_id, experiment_id, experiment, inherited)


def for_daemon(token: str) -> dict[str, str]:
    """The environment of a process of the daemon's own that calls the daemon."""
    return {
        "MLFLOW_TRACKING_TOKEN": token,
        "MLFLOW_TRACKING_USERNAME": "mlops",
        "MLFLOW_TRACKING_PASSWORD": token,
        "no_proxy": "127.0.0.1",
        "NO_PROXY": "127.0.0.1",
    }


def for_remote(
    uri: str,
    *,
    run_id: str | None,
    experiment_id: str | None,
    experiment: str,
    inherited: Mapping[str, str],
) -> dict[str, str]:
    """The environment of a kernel whose calls go to the person's own tracking server; the
    credentials are those that it inherits.
    """
    return {_URI: uri} | _run(run_id, experiment_id, experiment, inherited)


def _run(
    run_id: str | None, experiment_id: str | None, experiment: str, inherited: Mapping[str, str]
) -> dict[str, str]:
    found = {} if run_id is None else {"MLFLOW_RUN_ID": run_id, "MLOPS_RUN_ID": run_id}
    if experiment_id is not None:
        found["MLFLOW_EXPERIMENT_ID"] = experiment_id
    if experiment_id is None or _EXPERIMENT_NAME in inherited:
        # MLflow refuses a name and an id that differ.
        found[_EXPERIMENT_NAME] = experiment
    return found


def _no_proxy(inherited: Mapping[str, str]) -> dict[str, str]:
    listed = inherited.get("no_proxy") or inherited.get("NO_PROXY") or ""
    if listed.strip() == "*" or "127.0.0.1" in listed.split(","):
        return {}
    value = f"{listed},127.0.0.1" if listed else "127.0.0.1"
    return {"no_proxy": value, "NO_PROXY": value}


def _credentials_file() -> Path:
    return Path("~/.mlflow/credentials").expanduser()
