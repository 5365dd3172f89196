"""What kernels are told of MLflow, and who is let in with it."""

from __future__ import annotations

import base64
import json
import socket
import stat
from pathlib import Path

import pytest

from jupyter_mlops.errors import InvalidInput
from jupyter_mlops.tracking import access as access_module
from jupyter_mlops.tracking import environment
from jupyter_mlops.tracking.access import Access, Caller, is_ours, open_access
from jupyter_mlops.tracking.tracking_server import TrackingServer, redacted

JOB = "0123456789ab"


def embedded(**inherited: str) -> dict[str, str]:
    """The environment that a kernel gets besides what it inherits."""
    return environment.for_embedded(
        "http://127.0.0.1:5000",
        "secret",
        run_id="r",
        experiment_id="7",
        experiment="e",
        inherited=inherited,
    )


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A person without a credentials file."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_a_kernel_is_led_to_the_jobs_run() -> None:
    """Address, token, run and experiment; a restart of the daemon is ridden out."""
    found = embedded()
    assert found["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:5000"
    assert found["MLFLOW_TRACKING_TOKEN"] == "secret"
    assert found["MLFLOW_RUN_ID"] == found["MLOPS_RUN_ID"] == "r"
    assert found["MLFLOW_EXPERIMENT_ID"] == "7"
    assert int(found["MLFLOW_HTTP_REQUEST_MAX_RETRIES"]) <= 10, "MLflow refuses more"
    assert "MLFLOW_EXPERIMENT_NAME" not in found
    assert "MLFLOW_TRACKING_PASSWORD" not in found
    assert "NO_PROXY" not in found


def test_other_settings_of_the_person_do_not_get_in_the_way(no_credentials: Path) -> None:
    """Credentials, proxies and an experiment's name that were meant for something else."""
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in embedded(MLFLOW_HTTP_REQUEST_MAX_RETRIES="2")
    assert embedded(MLFLOW_EXPERIMENT_NAME="other")["MLFLOW_EXPERIMENT_NAME"] == "e"
    assert embedded(MLFLOW_TRACKING_USERNAME="x")["MLFLOW_TRACKING_PASSWORD"] == "secret"
    assert embedded(MLFLOW_TRACKING_AWS_SIGV4="true")["MLFLOW_TRACKING_AWS_SIGV4"] == "false"
    assert embedded(HTTP_PROXY="http://proxy")["no_proxy"] == "127.0.0.1"
    assert embedded(http_proxy="x", NO_PROXY="a.example")["NO_PROXY"] == "a.example,127.0.0.1"
    assert "NO_PROXY" not in embedded(http_proxy="x", no_proxy="127.0.0.1,b")
    (no_credentials / ".mlflow").mkdir()
    (no_credentials / ".mlflow" / "credentials").write_text("[mlflow]\n")
    assert embedded()["MLFLOW_TRACKING_USERNAME"] == "mlops"


def test_a42_a_job_with_a_server_of_its_own_gets_no_token() -> None:
    """Whoever runs that server must not learn how to get into this one."""
    assert environment.directed_elsewhere({"MLFLOW_TRACKING_URI": "http://localhost:5000"})
    assert not environment.directed_elsewhere({"MLFLOW_TRACKING_URI": ""})
    assert not environment.directed_elsewhere({})


def test_the_remote_environment_holds_no_credentials() -> None:
    """They are inherited, never passed on by us."""
    found = environment.for_remote(
        "https://mlflow.example", run_id="r", experiment_id="7", experiment="e", inherited={}
    )
    assert found == {
        "MLFLOW_TRACKING_URI": "https://mlflow.example",
        "MLFLOW_RUN_ID": "r",
        "MLOPS_RUN_ID": "r",
        "MLFLOW_EXPERIMENT_ID": "7",
    }
    without = environment.for_remote(
        "https://mlflow.example", run_id=None, experiment_id=None, experiment="e", inherited={}
    )
    assert without == {
        "MLFLOW_TRACKING_URI": "https://mlflow.example",
        "MLFLOW_EXPERIMENT_NAME": "e",
    }


# --- tokens and port ---


def bearer(token: str) -> bytes:
    """The header of a token."""
    return f"Bearer {token}".encode()


def test_tokens_say_whose_they_are() -> None:
    """A job's, a person's, the daemon's; as a bearer or as a password, since MLflow does either."""
    access = Access(5000, b"k" * 32)
    token = access.job_token(JOB, 2)
    assert access.caller(bearer(token)) == Caller(JOB, 2)
    basic = base64.b64encode(f"mlops:{token}".encode())
    assert access.caller(b"Basic " + basic) == Caller(JOB, 2)
    assert access.caller(bearer(access.person_token())) == Caller()
    assert access.caller(bearer(access.daemon_token())) == Caller(daemon=True)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        b"Basic !!!",
        b"Basic ",
        b"Bearer person.",
        b"Bearer person." + b"0" * 64,
        b"Bearer job.0123456789ab.1." + b"0" * 64,
        b"Bearer daemon." + b"0" * 64,
        b"Bearer \xff\xfe",
        b"Digest person",
    ],
)
def test_a01_other_tokens_are_nobodys(header: bytes) -> None:
    """Nothing but a token that we made lets anybody in."""
    assert Access(5000, b"k" * 32).caller(header) is None


def test_a09_a_jobs_token_is_good_for_that_job_only() -> None:
    """It can't be turned into another job's, attempt's, or daemon's token."""
    access = Access(5000, b"k" * 32)
    token = access.job_token(JOB, 1)
    assert access.caller(bearer(token.replace(JOB, "ba9876543210"))) is None
    assert access.caller(bearer(token.replace(f"{JOB}.1.", f"{JOB}.11."))) is None
    assert Access(5000, b"j" * 32).caller(bearer(token)) is None


def test_the_port_and_the_tokens_outlive_the_daemon(tmp_path: Path) -> None:
    """Kernels that run go on after a restart: same port, same tokens; the file is the person's."""
    first, listening = open_access(tmp_path)
    listening.close()
    again, listening = open_access(tmp_path)
    listening.close()
    assert (again.port, again.person_token()) == (first.port, first.person_token())
    file = tmp_path / access_module.FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    told = json.loads(file.read_text())
    assert (told["uri"], told["token"]) == (first.address, first.person_token())


def test_a41_a_port_that_somebody_else_took_makes_all_tokens_worthless(tmp_path: Path) -> None:
    """Kernels may have sent theirs to whoever sits there now."""
    first, listening = open_access(tmp_path)
    listening.close()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", first.port))
        other.listen()
        again, listening = open_access(tmp_path)
        listening.close()
    assert again.port != first.port
    assert again.caller(bearer(first.person_token())) is None


@pytest.mark.parametrize("content", ["", "{}", '{"port": 1, "secret": "00"}', "[]", "\0"])
def test_a_damaged_access_file_is_made_anew(tmp_path: Path, content: str) -> None:
    """It holds nothing that can't be made again."""
    (tmp_path / access_module.FILE).write_text(content)
    access, listening = open_access(tmp_path)
    listening.close()
    assert access.port >= 1024


def test_our_own_address_in_the_daemons_environment_is_not_a_remote_server() -> None:
    """A notebook that uses the embedded store may start the daemon: it must not lead to itself."""
    access = Access(5000, b"k" * 32)
    assert is_ours({"MLFLOW_TRACKING_TOKEN": access.person_token()})
    assert is_ours({"MLFLOW_TRACKING_TOKEN": access.job_token(JOB, 1)})
    assert not is_ours({"MLFLOW_TRACKING_TOKEN": "dapi123"})
    assert not is_ours({})


# --- a server of the person's own ---


def test_a42_credentials_are_used_but_never_shown(no_credentials: Path) -> None:
    """In addresses and in what servers answer."""
    uri = "https://me:hunter2@mlflow.example/base"
    server = TrackingServer(uri, {})
    assert server.shown == server.url == "https://mlflow.example/base"
    assert server.authorization() == "Basic " + base64.b64encode(b"me:hunter2").decode()
    given = {"MLFLOW_TRACKING_TOKEN": "tok-123"}
    assert TrackingServer("https://x", given).authorization() == "Bearer tok-123"
    assert redacted("sent tok-123 to http://a:b@c", given) == "sent *** to http://c"
    given |= {"MLFLOW_TRACKING_USERNAME": "u", "MLFLOW_TRACKING_PASSWORD": "p"}
    assert TrackingServer("https://x", given).authorization() == "Basic dTpw"
    (no_credentials / ".mlflow").mkdir()
    (no_credentials / ".mlflow" / "credentials").write_text(
        "[mlflow]\nmlflow_tracking_username = fu\nmlflow_tracking_password = fp\n"
    )
    assert TrackingServer("https://x", {}).authorization() == "Basic ZnU6ZnA="


@pytest.mark.parametrize("uri", ["sqlite:///mlflow.db", "mlruns", "./mlruns", "file:mlruns"])
def test_relative_addresses_are_refused(uri: str) -> None:
    """Relative to what? The daemon can't know."""
    with pytest.raises(InvalidInput, match="relative"):
        TrackingServer(uri, {})


@pytest.mark.parametrize(
    "uri",
    ["sqlite:////a/mlflow.db", "/a/mlruns", "file:///a", "postgresql://h/db", "databricks",
     "databricks://profile", "https://x"],
)  # fmt: skip
def test_absolute_addresses_are_taken(uri: str) -> None:
    """Whatever MLflow's client understands."""
    assert TrackingServer(uri, {}).uri == uri
