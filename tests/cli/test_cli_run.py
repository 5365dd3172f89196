"""`jupyter mlops run`: what it sends, says and ends with."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from mlops_script import COMMAND, JOB, Run, Script, cells, finished

from .mlops_verbs import FAILURE, run_job

if TYPE_CHECKING:
    from mlops_standin import Request


def test_run_says_how_it_goes_and_ended(cli: Run, script: Script) -> None:
    """A line a cell, then state, duration, metrics, run, notebook and what to type next."""
    tracking = {"experiment": "train", "run_id": "f00d", "synced": True}
    run_job(script, metrics={"loss": 0.25, "accuracy": 0.973333}, tracking=tracking)
    ran = cli("run", "train.ipynb")
    assert ran.returncode == 0
    assert ran.stderr == ""
    lines = ran.stdout.splitlines()
    assert [line.partition("] ")[2] for line in lines[:5]] == [
        "queued", "starting", "running", "cell 1/2  import os", "cell 2/2  fit()",
    ]  # fmt: skip
    text = "\n".join(lines[5:])
    for part in (
        "train succeeded after 2.50 s",
        "accuracy  0.973333",
        "loss      0.25",
        "experiment train, run f00d",
        f"/proj/jobs/train-{JOB}/train.ipynb",
        f"jupyter mlops show {JOB}",
        f"jupyter mlops rerun {JOB} -p NAME=VALUE",
    ):
        assert part in text


def test_run_sends_what_was_asked_for(cli: Run, script: Script, tmp_path: Path) -> None:
    """Every option arrives in the spec, and what wasn't given isn't there."""
    run_job(script)
    (tmp_path / "p.yaml").write_text("lr: 0.5\nepochs: 3\n")
    (tmp_path / "q.json").write_text('{"epochs": 4}')
    words = (
        "run nb.ipynb -f p.yaml -f q.json -p lr=0.1 -p layers=[64,64] --name n --retries 2"
        " --timeout 30m --env A=b=c --env TOKEN --kernel k --experiment e --tag t=v --cpus 1.5"
        " --memory 2G --gpus 1 --output-dir out --cold --idempotency-key key-1 --quiet"
    )
    assert cli(*words.split()).returncode == 0
    assert script.submitted == [
        {
            "spec": {
                "notebook": str(tmp_path / "nb.ipynb"),
                "parameters": {"lr": 0.1, "epochs": 4, "layers": [64, 64]},
                "name": "n",
                "retries": 2,
                "timeout": 1800.0,
                "env": {"A": "b=c"},
                "env_from": ["TOKEN"],
                "kernel": "k",
                "experiment": "e",
                "tags": {"t": "v"},
                "resources": {"cpus": 1.5, "memory": 2**31, "gpus": 1},
                "output_dir": str(tmp_path / "out"),
                "warm_start": False,
            }
        }
    ]
    [posted] = [r for r in script.server.requests if r.path == "/api/v1/jobs"]
    assert posted.headers["idempotency-key"] == "key-1"


def test_a_plain_run_is_two_requests(cli: Run, script: Script, tmp_path: Path) -> None:
    """Submit and follow, on one connection; nothing is asked that isn't needed."""
    run_job(script)
    assert cli("run", "nb.ipynb", "-p", "name=plain text").returncode == 0
    assert [(r.method, r.path, r.on_connection) for r in script.server.requests] == [
        ("POST", "/api/v1/jobs", 1),
        ("GET", f"/api/v1/jobs/{JOB}/events", 1),
    ]
    assert script.submitted[0]["spec"] == {
        "notebook": str(tmp_path / "nb.ipynb"),
        "parameters": {"name": "plain text"},
    }


def test_a_text_parameter_stays_text(cli: Run, script: Script) -> None:
    """The notebook's types decide, and are asked for once."""
    script.parameters = [
        {"name": "name", "type": "str"},
        {"name": "lr", "type": "float"},
        {"name": "n", "type": "int"},
    ]
    run_job(script)
    words = ["-p", "name=0.1", "-p", "lr=1", "-p", "n=2", "-p", "other=true"]
    assert cli("run", "nb.ipynb", *words, "-q").returncode == 0
    parameters = script.submitted[0]["spec"]["parameters"]
    assert parameters == {"name": "0.1", "lr": 1.0, "n": 2, "other": True}
    assert isinstance(parameters["lr"], float)
    assert [r.path for r in script.server.requests].count("/api/v1/notebooks/inspect") == 1


def test_all_problems_at_once(cli: Run, script: Script) -> None:
    """A command line with five mistakes is told of all five, and nothing is submitted."""
    words = "run nb.ipynb --retries x --timeout never --cpus 0 --memory lots -p novalue"
    ran = cli(*words.split())
    assert ran.returncode == 2
    for place in ("--retries", "--timeout", "--cpus", "--memory", "-p"):
        assert f"  - {place}: " in ran.stderr
    assert script.server.requests == []


def test_a_wrong_parameter_names_its_place(cli: Run, script: Script) -> None:
    """The declared type isn't met: the parameter is named."""
    script.parameters = [{"name": "lr", "type": "float"}, {"name": "on", "type": "bool"}]
    ran = cli("run", "nb.ipynb", "-p", "lr=fast", "-p", "on=5", "--json")
    assert ran.returncode == 2
    error = json.loads(ran.stdout)["error"]
    assert [p["where"] for p in error["problems"]] == ["parameters.lr", "parameters.on"]
    assert script.submitted == []


@pytest.mark.parametrize("url", ["http://169.254.169.254/", "s3://bucket/nb.ipynb", "file:///x"])
def test_a21_an_address_is_no_notebook(cli: Run, script: Script, url: str) -> None:
    """It is refused before anything is asked."""
    ran = cli("run", url)
    assert ran.returncode == 2
    assert "is an address" in ran.stderr
    assert script.server.requests == []


def test_f35_a_path_that_isnt_utf8(cli: Run, script: Script) -> None:
    """It is refused with what to do."""
    ran = subprocess.run(
        [*COMMAND, "run", b"caf\xe9.ipynb"], capture_output=True, timeout=60, check=False
    )
    assert ran.returncode == 2
    assert b"isn't UTF-8" in ran.stderr
    assert b"Traceback" not in ran.stderr


def test_detached(cli: Run, script: Script) -> None:
    """Only the id, for a script to take."""
    ran = cli("run", "nb.ipynb", "--detach")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"{JOB}\n", "")
    document = json.loads(cli("run", "nb.ipynb", "-d", "--json").stdout)
    assert (document["id"], document["state"]) == (JOB, "queued")


def test_run_json_is_one_document(cli: Run, script: Script) -> None:
    """The job on stdout; how it goes on stderr."""
    run_job(script, metrics={"loss": 0.5})
    ran = cli("run", "nb.ipynb", "--json")
    assert ran.returncode == 0
    document = json.loads(ran.stdout)
    assert document["metrics"] == {"loss": 0.5}
    assert "cell 1/2" in ran.stderr
    quiet = cli("run", "nb.ipynb", "--json", "-q")
    assert json.loads(quiet.stdout)["id"] == JOB
    assert quiet.stderr == ""


def test_run_waits_for_the_html_when_asked(cli: Run, script: Script) -> None:
    """Then its path is in the result."""
    run_job(script)
    ran = cli("run", "nb.ipynb", "-q", "--wait-html", "--json")
    assert json.loads(ran.stdout)["outputs"]["html"].endswith("train.html")
    run_job(script)
    assert json.loads(cli("run", "nb.ipynb", "-q", "--json").stdout)["outputs"]["html"] is None


def test_the_metrics_are_waited_for(cli: Run, script: Script) -> None:
    """They come from MLflow: a run that isn't synced yet is, a moment later; not for ever."""
    tracking = {"experiment": "train", "run_id": "f00d"}
    run_job(script, tracking=tracking)
    usual, asked = script.server.answer, []

    def answer(request: Request) -> None:
        if request.path == f"/api/v1/jobs/{JOB}":
            asked.append(request)
            if len(asked) == 3:
                script.jobs[JOB]["tracking"]["synced"] = True
                script.jobs[JOB]["metrics"] = {"loss": 0.125}
        usual(request)

    script.server.answer = answer
    assert "loss  0.125" in cli("run", "nb.ipynb", "-q").stdout
    assert len(asked) == 3
    run_job(script, tracking={**tracking, "detail": "The tracking server is away."})
    asked.clear()
    assert "The tracking server is away." in cli("run", "nb.ipynb", "-q").stdout
    assert asked == []


def test_html_that_cant_be_rendered_fails_nothing(cli: Run, script: Script) -> None:
    """The job succeeded; that there is no HTML is said."""
    script.html_fails = True
    run_job(script)
    ran = cli("run", "nb.ipynb", "-q", "--wait-html")
    assert ran.returncode == 0
    assert "train.html (follows in a moment)" in ran.stdout


def test_a_failure_says_what_where_and_what_next(cli: Run, script: Script) -> None:
    """The message, the cell, the end of the traceback, the hint, the next step."""
    run_job(script, "failed", failure=FAILURE, progress={"current_source": "model.fit(X, y)"})
    ran = cli("run", "nb.ipynb", "-q")
    assert ran.returncode == 1
    for part in (
        "train failed after 2.50 s",
        "ValueError: could not convert string to float: 'x'",
        "in    model.fit(X, y)",
        "28 lines above",
        "    line 39",
        "Mend cell 2.",
        f"/proj/jobs/train-{JOB}/train.log",
        f"jupyter mlops rerun {JOB} --latest",
    ):
        assert part in ran.stdout
    assert "line 20\n" not in ran.stdout


@pytest.mark.parametrize(("state", "code"), [("succeeded", 0), ("failed", 1), ("cancelled", 8)])
@pytest.mark.parametrize("verb", ["run", "rerun", "attach"])
def test_the_exit_code_is_the_jobs(
    cli: Run, script: Script, verb: str, state: str, code: int
) -> None:
    """Whichever verb follows it, with and without JSON."""
    job = script.add(attempt=1)
    for job_id in (job["id"], "ba9876543210"):
        script.events[job_id] = [*cells("a"), finished(state)]
    assert cli(verb, "nb.ipynb" if verb == "run" else JOB, "-q").returncode == code
    script.add(attempt=1)
    assert cli(verb, "nb.ipynb" if verb == "run" else JOB, "--json").returncode == code


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        ((422, "invalid_input"), 2),
        ((422, "kernel_unknown"), 2),
        ((413, "too_large"), 2),
        ((403, "refused"), 3),
        ((404, "not_found"), 4),
        ((409, "conflict"), 5),
        ((503, "busy"), 6),
        ((507, "store_full"), 6),
        ((500, "store_unusable"), 7),
    ],
)
def test_the_exit_code_is_the_errors(
    cli: Run, script: Script, problem: tuple[int, str], code: int
) -> None:
    """Each kind of error has its own, also with JSON, and says what and what to do."""
    status, name = problem
    document = {"code": name, "detail": "What happened.", "hint": "What to do."}
    script.server.answer = lambda request: request.json(document, status)
    ran = cli("show", JOB)
    assert ran.returncode == code
    assert "What happened.\n  What to do.\n" in ran.stderr
    assert ran.stdout == ""
    ran = cli("show", JOB, "--json")
    assert ran.returncode == code
    assert json.loads(ran.stdout)["error"]["code"] == name
