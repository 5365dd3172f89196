"""Each verb as a process of its own, against a scripted daemon: output, JSON, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from mlops_script import COMMAND, JOB, Run, Script, cells, finished, make_job

if TYPE_CHECKING:
    from mlops_standin import Request

FAILURE = {
    "code": "cell_failed",
    "message": "ValueError: could not convert string to float: 'x'",
    "hint": "Mend cell 2.",
    "cell_index": 1,
    "ename": "ValueError",
    "evalue": "could not convert",
    "traceback": "\n".join(f"line {number}" for number in range(40)),
}


def run_job(script: Script, state: str = "succeeded", **fields: Any) -> None:
    """Have the next job run two cells and end so."""
    script.events[JOB] = [*cells("import os", "fit()"), finished(state, **fields)]


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


def test_jobs_as_a_table(cli: Run, script: Script) -> None:
    """Newest first, why they wait or failed, and how to see the rest."""
    script.add("aaaaaaaaaaaa", "queued", waiting_for="a GPU", created_at=1e9 + 3)
    script.add("bbbbbbbbbbbb", "failed", failure=FAILURE, created_at=1e9 + 2, duration=62.4)
    progress = {"total": 4, "done": 1, "current_source": "fit()"}
    script.add("cccccccccccc", "running", progress=progress, created_at=1e9 + 1)
    script.add("dddddddddddd", "succeeded", created_at=1e9)
    lines = cli("jobs", "--limit", "3").stdout.splitlines()
    assert lines[0].split() == ["ID", "STATE", "NAME", "SUBMITTED", "TOOK"]
    assert [line.split()[:3] for line in lines[1:4]] == [
        ["aaaaaaaaaaaa", "queued", "train"],
        ["bbbbbbbbbbbb", "failed", "train"],
        ["cccccccccccc", "running", "train"],
    ]
    assert lines[1].endswith("a GPU")
    assert "1 min 02 s" in lines[2]
    assert lines[2].endswith("ValueError: could not convert string to float: 'x'")
    assert lines[3].endswith("1/4  fit()")
    assert lines[4] == "1 more: --limit 4 shows all"


def test_jobs_filtered(cli: Run, script: Script, tmp_path: Path) -> None:
    """States apart or together, name and notebook; all of them are asked for in one page."""
    script.add("aaaaaaaaaaaa", "queued")
    script.add("bbbbbbbbbbbb", "failed")
    ran = cli(
        "jobs", "--state", "failed,running", "--name", "tr", "--notebook", "n.ipynb", "--json"
    )
    assert [job["id"] for job in json.loads(ran.stdout)["jobs"]] == ["bbbbbbbbbbbb"]
    target = script.server.requests[-1].target
    assert "state=failed&state=running&name=tr&notebook=" in target
    assert str(tmp_path).replace("/", "%2F") in target


def test_many_jobs_are_paged(cli: Run, script: Script) -> None:
    """More than a page comes as one document."""
    for number in range(450):
        script.add(f"{number:012x}", "succeeded", created_at=1e9 + number)
    document = json.loads(cli("jobs", "--limit", "401", "--json").stdout)
    assert len(document["jobs"]) == len({job["id"] for job in document["jobs"]}) == 401
    assert json.loads(cli("jobs", "--limit", "0", "--json").stdout)["jobs"] == []


def test_no_jobs_yet(cli: Run, script: Script) -> None:
    """Says how to make one."""
    ran = cli("jobs")
    assert ran.returncode == 0
    assert "jupyter mlops run NOTEBOOK" in ran.stdout
    assert cli("jobs", "--state", "none").returncode == 2


def test_show(cli: Run, script: Script) -> None:
    """Everything about a job, with how each attempt started."""
    start = {"warm": True, "preloaded": ["numpy"], "left_out": {"torch": "starts threads"}}
    attempts = [
        {
            "number": 1,
            "state": "failed",
            "failure": FAILURE,
            "start": {"reason": "the first"},
        },
        {"number": 2, "state": "running", "start": start, "peak_memory": 2**20 * 300},
    ]
    spec = {"parameters": {"lr": 0.1, "name": "ü"}, "tags": {"team": "a"}, "env": {"X": "1"}}
    script.add(attempt=2, attempts=attempts, spec=spec, git_commit="c0ffee", git_dirty=True)
    text = cli("show", JOB).stdout
    for part in (
        "train  running",
        "lr = 0.1",
        'name = "ü"',
        'team = "a"',
        "c0ffee, with uncommitted changes",
        "1. failed, the first",
        "2. running, warm start, preloaded numpy, torch left out: starts threads, peak 300.0 MiB",
        f"jupyter mlops attach {JOB}",
    ):
        assert part in text
    assert json.loads(cli("show", JOB, "--json").stdout)["id"] == JOB


def test_ids_may_be_cut_short(cli: Run, script: Script) -> None:
    """A beginning that only one job has, or @last; several are listed."""
    script.add("abc000000000", created_at=1e9 + 2)
    script.add("abd000000000", created_at=1e9 + 1)
    script.add("ffe000000000", created_at=1e9)
    assert json.loads(cli("show", "ABC", "--json").stdout)["id"] == "abc000000000"
    assert json.loads(cli("show", "f", "--json").stdout)["id"] == "ffe000000000"
    assert json.loads(cli("show", "@last", "--json").stdout)["id"] == "abc000000000"
    several = cli("show", "ab")
    assert several.returncode == 2
    assert "stands for 2 jobs: abc000000000, abd000000000" in several.stderr
    assert cli("show", "123").returncode == 4
    assert cli("show", "0123456789ab").returncode == 4
    assert cli("show", "../status").returncode == 2


def test_last_of_none(cli: Run, script: Script) -> None:
    """There is no last job yet."""
    ran = cli("show", "@last")
    assert ran.returncode == 4
    assert "no jobs yet" in ran.stderr


def test_cancel_several(cli: Run, script: Script) -> None:
    """Each is asked; one that isn't there doesn't keep the others."""
    script.add("aaaaaaaaaaaa")
    script.add("bbbbbbbbbbbb")
    ran = cli("cancel", "aa", "cc", "bb")
    assert ran.returncode == 4
    assert ran.stdout.splitlines() == [
        "train is being cancelled: aaaaaaaaaaaa",
        "train is being cancelled: bbbbbbbbbbbb",
    ]
    assert "begins with cc" in ran.stderr
    document = json.loads(cli("cancel", "aa", "cc", "--json").stdout)
    assert [job["id"] for job in document["jobs"]] == ["aaaaaaaaaaaa"]
    assert [(f["job"], f["error"]["code"]) for f in document["failed"]] == [("cc", "not_found")]


def test_delete(cli: Run, script: Script) -> None:
    """Only with --yes where nobody can be asked; a running one is refused."""
    script.add("aaaaaaaaaaaa", "succeeded")
    script.add("bbbbbbbbbbbb", "running")
    asked = cli("delete", "aa")
    assert asked.returncode == 2
    assert "--yes" in asked.stderr
    assert "aaaaaaaaaaaa" in script.jobs
    ran = cli("delete", "aa", "bb", "--yes")
    assert ran.returncode == 5
    assert ran.stdout == "Deleted aaaaaaaaaaaa.\n"
    assert "It runs." in ran.stderr
    assert list(script.jobs) == ["bbbbbbbbbbbb"]
    script.add("aaaaaaaaaaaa", "succeeded")
    document = json.loads(cli("delete", "aa", "-y", "--json").stdout)
    assert document == {"deleted": ["aaaaaaaaaaaa"], "failed": []}


def test_rerun_with_changes(cli: Run, script: Script) -> None:
    """What was changed is sent; types come from the job's own snapshot."""
    script.add(state="succeeded", attempt=1)
    script.parameters = [{"name": "tag", "type": "str"}]
    words = f"rerun {JOB} -p tag=1 -p lr=2 --env A=1 --name n --retries 1 --timeout 60 --latest -d"
    ran = cli(*words.split())
    assert (ran.returncode, ran.stdout) == (0, "ba9876543210\n")
    assert script.bodies[f"POST /jobs/{JOB}/rerun"] == {
        "name": "n",
        "retries": 1,
        "timeout": 60.0,
        "env": {"A": "1"},
        "latest": True,
        "parameters": {"tag": "1", "lr": 2},
    }
    assert cli("rerun", JOB, "-p", "tag=2", "-d").returncode == 0
    assert script.server.requests[-2].path == f"/api/v1/jobs/{JOB}/notebook-info"
    assert cli("rerun", JOB, "--env", "NAME", "-d").returncode == 2


def test_attach_to_one_that_has_ended(cli: Run, script: Script) -> None:
    """Its end is told at once."""
    script.add(state="failed", attempt=1, failure=FAILURE)
    ran = cli("attach", JOB)
    assert ran.returncode == 1
    assert "train failed" in ran.stdout


def test_attach_json_is_a_stream(cli: Run, script: Script) -> None:
    """Its events as they come, an object a line, the job last."""
    script.add(attempt=1)
    script.events[JOB] = [*cells("a"), finished()]
    lines = [json.loads(line) for line in cli("attach", JOB, "--json").stdout.splitlines()]
    assert [line["type"] for line in lines] == [
        "attempt", "prepared", "cell_started", "stream", "cell_finished", "finished", "job",
    ]  # fmt: skip
    assert lines[-1]["job"]["state"] == "succeeded"


def test_logs(cli: Run, script: Script) -> None:
    """All of it, its end, and as JSON; escapes are taken out, characters aren't cut in two."""
    script.add(state="succeeded")
    script.logs[JOB] = "one\ntwo ü\n\x1b[31mthree\x1b[0m\x07\n".encode()
    assert cli("logs", JOB).stdout == "one\ntwo ü\nthree\n"
    assert cli("logs", JOB, "-n", "2").stdout == "two ü\nthree\n"
    assert cli("logs", JOB, "--tail", "0").stdout == ""
    document = json.loads(cli("logs", JOB, "--json").stdout)
    assert document == {"job": JOB, "attempt": None, "log": "one\ntwo ü\nthree\n"}
    assert cli("logs", JOB, "-f").stdout == "one\ntwo ü\nthree\n"
    assert cli("logs", JOB, "-f", "-n", "1").stdout == "three\n"
    lines = cli("logs", JOB, "-f", "--json").stdout.splitlines()
    assert "".join(json.loads(line)["text"] for line in lines) == "one\ntwo ü\nthree\n"
    assert cli("logs", JOB, "--tail", "some").returncode == 2


def test_daemon_status_when_none_runs(cli: Run, home: Path) -> None:
    """Says so, starts nothing, and has its own exit code."""
    ran = cli("daemon", "status")
    assert ran.returncode == 6
    assert "isn't running" in ran.stderr
    assert not home.exists()
    assert json.loads(cli("daemon", "stop", "--json").stdout) == {"stopped": False}


def test_daemon_status(cli: Run, script: Script) -> None:
    """Version, process, jobs."""
    text = cli("daemon", "status").stdout
    assert "The daemon runs." in text
    assert "1 running" in text
    assert json.loads(cli("daemon", "status", "--json").stdout)["version"] == "0.1.0"


@pytest.mark.parametrize("words", [[], ["-h"], ["--help"], ["help"]])
def test_help_lists_every_verb(cli: Run, words: list[str]) -> None:
    """With the exit codes."""
    ran = cli(*words)
    assert ran.returncode == 0
    assert "cancel" in ran.stdout
    assert "130 detached by Ctrl-C" in ran.stdout


def test_help_of_a_verb(cli: Run) -> None:
    """Usage, options and examples; several for a family."""
    text = cli("run", "--help").stdout
    assert "usage: jupyter mlops run NOTEBOOK [options]" in text
    assert "-p, --param NAME=VALUE" in text
    assert cli("help", "run").stdout == text
    assert cli("run", "nb.ipynb", "-h").stdout == text
    family = cli("help", "daemon").stdout
    assert family.count("usage:") == 4
    assert cli("daemon", "--help").stdout == cli("daemon", "-h").stdout == family
    assert len(json.loads(cli("daemon", "--help", "--json").stdout)["verbs"]) == 4
    assert json.loads(cli("help", "run", "--json").stdout)["verbs"][0]["verb"] == "run"
    assert cli("help", "rnu").returncode == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rnu"], "Did you mean run?"),
        (["daemon"], "daemon restart"),
        (["daemon", "strat"], "needs to know"),
        (["show"], "needs JOB"),
        (["\x1b[31mx"], "no verb 'x'"),
    ],
)
def test_a_wrong_verb(cli: Run, words: list[str], said: str) -> None:
    """Is told with what was perhaps meant."""
    ran = cli(*words)
    assert ran.returncode == 2
    assert said in ran.stderr
    assert "\x1b" not in ran.stderr


def test_version(cli: Run) -> None:
    """As text and JSON; options that every verb has may come first."""
    text = cli("--version").stdout
    assert text.startswith("jupyter-mlops ")
    assert json.loads(cli("--json", "--version").stdout)["version"] == text.split()[1]


def test_an_unexpected_error_is_one_line(cli: Run, script: Script, home: Path) -> None:
    """With the place of its traceback, which --debug shows; its exit code is its own."""
    script.server.answer = lambda request: request.json(["not", "a", "job"])
    ran = cli("show", JOB)
    assert ran.returncode == 70
    assert ran.stderr.count("\n") == 1
    assert str(home / "cli.log") in ran.stderr
    assert "Traceback" in (home / "cli.log").read_text()
    assert (home / "cli.log").stat().st_mode & 0o777 == 0o600
    assert "Traceback" in cli("--debug", "show", JOB).stderr


def test_a32_a_name_with_escapes_and_html(cli: Run, script: Script) -> None:
    """Whatever a job is called and wherever it is printed, the terminal obeys nothing."""
    name = "evil\x9b2J\u202e<img src=x onerror=alert(1)>"
    failure = {**FAILURE, "message": "\x1b]0;owned\x07boom", "traceback": "\x1b[31mred"}
    job = make_job(state="failed", failure=failure, attempt=1, warnings=["\x1b[8mhidden"])
    job["name"] = name
    job["progress"]["current_source"] = "\x1b[2J"
    job["tracking"] |= {"experiment": "\x1b[1m", "run_id": "r"}
    script.jobs[JOB] = job
    for words in (["show"], ["attach"], ["cancel"]):
        text = cli(*words, JOB).stdout
        assert not any(c in text for c in "\x1b\x9b\x07\u202e")
        assert "evil<img src=x onerror=alert(1)>" in text
    text = cli("jobs").stdout
    assert not any(c in text for c in "\x1b\x9b\x07\u202e")


@pytest.mark.parametrize(
    "env",
    [
        {"LANG": "C", "LC_ALL": "C"},
        {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "ascii"},
    ],
    ids=["C", "POSIX", "ascii"],
)
def test_f35_any_locale(cli: Run, script: Script, env: dict[str, str]) -> None:
    """Names in any script are printed, or their codes where the terminal can't show them."""
    script.add(name="报告 🚀", state="succeeded", attempt=1)
    for words in (["show", JOB], ["jobs"], ["attach", JOB], ["run", "--help"]):
        ran = cli(*words, env={**os.environ, **env})
        assert ran.returncode == 0, ran.stderr
        assert ran.stderr == ""
        if words[0] == "show":
            assert "报告 🚀" in ran.stdout or "\\u62a5\\u544a \\U0001f680" in ran.stdout


def test_f35_a_name_of_255_bytes(cli: Run, script: Script, tmp_path: Path) -> None:
    """Is passed on as it is."""
    run_job(script)
    name = "ü" * 124 + ".ipynb"
    assert cli("run", name, "-q").returncode == 0
    assert script.submitted[0]["spec"]["notebook"] == str(tmp_path / name)


def test_nobody_reads_any_more(script: Script) -> None:
    """`jupyter mlops logs | head -1` ends quietly, however much is left."""
    script.add()
    script.logs[JOB] = b"line\n" * 50_000
    command = " ".join([*COMMAND, "logs", JOB])
    ran = subprocess.run(
        f"set -o pipefail; {command} | head -1",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "line\n", "")


def test_nobody_reads_a_run(script: Script) -> None:
    """Its exit code is still the job's: it is followed to its end."""
    script.events[JOB] = [*cells(*(["x = 1"] * 500)), finished("failed", failure=FAILURE)]
    command = " ".join([*COMMAND, "run", "nb.ipynb"])
    ran = subprocess.run(
        f"set -o pipefail; {command} | head -1",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (1, "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_without_a_stdout(script: Script, closed: str) -> None:
    """As cron and nohup may start it."""
    run_job(script)
    command = " ".join([*COMMAND, "run", "nb.ipynb", closed])
    ran = subprocess.run(command, shell=True, capture_output=True, timeout=60, check=False)
    assert ran.returncode == 0


def test_f03_the_daemon_goes_away_while_a_job_is_followed(cli: Run, script: Script) -> None:
    """It is taken up where it was; each cell is told once."""
    released = threading.Event()
    events = cells("a", "b")
    asked: list[str] = []
    usual = script.server.answer

    def answer(request: Any) -> None:
        if not request.path.endswith("/events"):
            usual(request)
            return
        asked.append(request.target.partition("?")[2])
        request.begin_stream()
        for event in events[:4] if len(asked) == 1 else [*events[4:], finished()]:
            request.event(event)
        if len(asked) == 1:
            request.hang_up()
        request.chunk(b"")

    script.server.answer = answer
    released.set()
    ran = cli("run", "nb.ipynb")
    assert ran.returncode == 0
    assert asked == ["follow=true", "attempt=1&after=3&follow=true"]
    assert ran.stdout.count("cell 1/2") == ran.stdout.count("cell 2/2") == 1
    assert "the daemon was started again; the job went on" in ran.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("words", [["jobs"], ["show", JOB, "--json"], ["logs", JOB]])
def test_f19_stdout_on_a_full_disk(script: Script, words: list[str]) -> None:
    """What couldn't be written is an error, never silence with exit code 0."""
    script.add()
    script.logs[JOB] = b"line\n"
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [*COMMAND, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ran.returncode == 6
    assert "No space left on device" in ran.stderr
    assert "Exception ignored" not in ran.stderr
