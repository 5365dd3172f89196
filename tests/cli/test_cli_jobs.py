"""The verbs about jobs that are there: jobs, show, cancel, delete, rerun, attach, logs."""

from __future__ import annotations

import json
from pathlib import Path

from mlops_script import JOB, Run, Script, cells, finished

from .mlops_verbs import FAILURE


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
    none = cli("jobs", "--limit", "0")
    assert (none.returncode, none.stdout) == (2, "")
    assert "--limit: has to be 1 at least" in none.stderr


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
