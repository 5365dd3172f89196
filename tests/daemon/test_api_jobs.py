"""Jobs over the API: submit, show, cancel, rerun, delete, inspect."""

# ruff: noqa: ASYNC240 - only the test itself waits
from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops.daemon.openapi import text as openapi_text
from jupyter_mlops.jobs.model import Job, JobSpec

from .mlops_api import problem, running
from .mlops_served import Served

REPOSITORY = Path(__file__).parents[2]


def test_the_document_in_the_repository_is_the_api() -> None:
    """docs/openapi.json is written by `python -m jupyter_mlops.daemon.openapi`."""
    kept = (REPOSITORY / "docs" / "openapi.json").read_text("utf-8")
    assert kept == openapi_text(), "run: python -m jupyter_mlops.daemon.openapi"


def test_the_document_is_whole() -> None:
    """What a part of it refers to is in it: types are generated from it."""
    document = json.loads(openapi_text())
    wanted = set(re.findall(r'"#/components/schemas/([^"]+)"', openapi_text()))
    assert wanted - {"Problem"}
    assert wanted <= set(document["components"]["schemas"])


def test_submit_show_list(served, make_notebook) -> None:
    """What was submitted is what is shown, with an address of its own."""
    notebook = make_notebook("print(lr)", parameters="lr = 0.1")

    async def story(served: Served) -> None:
        body = {"spec": {"notebook": str(notebook), "parameters": {"lr": 0.5}, "name": "first"}}
        answer = await served.ask("POST", "/jobs", json=body)
        assert answer.status_code == 201
        job = Job.model_validate(answer.json())
        assert answer.headers["location"] == f"/api/v1/jobs/{job.id}"
        assert answer.headers["x-mlops-version"]
        assert (job.name, job.state, job.spec.parameters) == ("first", "queued", {"lr": 0.5})
        assert job.outputs.directory == str(notebook.parent / "jobs" / f"work-{job.id}")
        shown = (await served.ask("GET", f"/jobs/{job.id}")).json()
        assert shown["id"] == job.id
        listed = (await served.ask("GET", "/jobs", params={"notebook": str(notebook)})).json()
        assert [one["id"] for one in listed["jobs"]] == [job.id]
        assert sum(listed["counts"].values()) == 1
        assert listed["version"] > 0
        params = {"state": ["failed", "cancelled"], "name": "first"}
        assert (await served.ask("GET", "/jobs", params=params)).json()["jobs"] == []
        status = (await served.ask("GET", "/status")).json()
        assert status["capacity"]["cpus"] == 2
        assert sum(status["counts"].values()) == 1

    served(story)


def test_every_problem_of_a_submit_is_told_at_once(served, tmp_path: Path, make_notebook) -> None:
    """One answer names each place by its path."""
    notebook = make_notebook("1")

    async def story(served: Served) -> None:
        spec = {
            "notebook": 3,
            "parameters": {"a b": 1, "ok": 2, "class": 3},
            "env": {"LD_PRELOAD": "x.so", "A\nB": "1", "NUL": "a\0b"},
            "retries": 99,
            "timeout": -1,
            "resources": {"cpus": 0, "gpu": 1},
            "surprise": True,
        }
        answer = await served.ask("POST", "/jobs", json={"spec": spec, "extra": 1})
        found = problem(answer, 422, "invalid_input")["problems"]
        places = {one["where"] for one in found}
        assert places >= {
            "extra",
            "spec.notebook",
            "spec.parameters.a b",
            "spec.parameters.class",
            "spec.env.LD_PRELOAD",
            "spec.env.A\nB",
            "spec.env.NUL",
            "spec.retries",
            "spec.timeout",
            "spec.resources.cpus",
            "spec.resources.gpu",
            "spec.surprise",
        }
        assert "spec.parameters.ok" not in places
        spec = {
            "notebook": str(notebook),
            "output_dir": str(notebook),
            "kernel": "nope",
            "env_from": ["NOT_SET_ANYWHERE"],
            "resources": {"cpus": 64},
        }
        answer = await served.ask("POST", "/jobs", json={"spec": spec, "values": "*"})
        document = problem(answer, 422, "invalid_input")
        assert {one["where"] for one in document["problems"]} == {
            "spec.output_dir",
            "spec.kernel",
            "spec.env_from",
            "spec.resources.cpus",
            "values",
        }
        assert "python3" in document["hint"]
        assert (await served.ask("GET", "/jobs")).json()["jobs"] == []

    served(story)


def test_f15_an_unknown_kernel_is_refused_with_those_that_are_known(served, make_notebook) -> None:
    """At submit, not minutes later."""
    notebook = make_notebook("1", kernelspec={"name": "nope", "display_name": "Nope"})

    async def story(served: Served) -> None:
        answer = await served.ask("POST", "/jobs", json={"spec": {"notebook": str(notebook)}})
        assert "python3" in problem(answer, 422, "kernel_unknown")["hint"]

    served(story)


def test_what_can_never_fit_is_refused(served, make_notebook) -> None:
    """With the code `unschedulable` and every reason."""
    notebook = make_notebook("1")

    async def story(served: Served) -> None:
        spec = {"notebook": str(notebook), "resources": {"cpus": 3, "memory": 2**50, "gpus": 1}}
        answer = await served.ask("POST", "/jobs", json={"spec": spec})
        document = problem(answer, 422, "unschedulable")
        assert [one["where"] for one in document["problems"]] == [
            "spec.resources.cpus",
            "spec.resources.memory",
            "spec.resources.gpus",
        ]

    served(story)


@pytest.mark.parametrize("bad", ["NaN", "-Infinity", '[1, {"a": Infinity}]', "1e999"])
def test_numbers_that_json_has_not_are_refused(served, make_notebook, bad: str) -> None:
    """They would turn into null on the way to a browser."""
    notebook = make_notebook("1")

    async def story(served: Served) -> None:
        body = '{"spec": {"notebook": %s, "parameters": {"lr": %s}}}'
        body %= (json.dumps(str(notebook)), bad)
        answer = await served.ask(
            "POST", "/jobs", content=body, headers={"Content-Type": "application/json"}
        )
        found = problem(answer, 422, "invalid_input")["problems"]
        assert [one["where"] for one in found] == ["spec.parameters.lr"]

    served(story)


def test_f37_a_key_makes_one_job_over_http(served, make_notebook) -> None:
    """A hundred at once; another body is a conflict; the notebook may have changed meanwhile."""
    notebook = make_notebook("1")

    async def story(served: Served) -> None:
        async def send(**spec: Any) -> Any:
            body = {"spec": {"notebook": str(notebook), **spec}}
            return await served.ask("POST", "/jobs", json=body, headers={"Idempotency-Key": "k-1"})

        answers = await asyncio.gather(*(send() for _ in range(100)))
        assert sorted(one.status_code for one in answers) == [200] * 99 + [201]
        assert len({one.json()["id"] for one in answers}) == 1
        notebook.unlink()
        assert (await send()).status_code == 200
        problem(await send(retries=1), 409, "idempotency_conflict")
        bad = await served.ask(
            "POST", "/jobs", json={"spec": {"notebook": "/x"}}, headers={"Idempotency-Key": "a b"}
        )
        problem(bad, 422, "invalid_input")

    served(story)


def test_rerun_keeps_the_snapshot_and_merges_changes(served, make_notebook) -> None:
    """The notebook may be gone: what ran is what runs again, but for the changes."""
    notebook = make_notebook("print(lr, n)", parameters="lr = 0.1\nn = 1")

    async def story(served: Served) -> None:
        first = await served.submit(notebook, parameters={"lr": 0.5, "n": 2}, retries=3, timeout=9)
        notebook.unlink()
        again = await served.ask(
            "POST",
            f"/jobs/{first['id']}/rerun",
            json={"parameters": {"lr": 0.9}, "name": "second", "timeout": None},
        )
        assert again.status_code == 201, again.text
        job = again.json()
        assert job["spec"]["parameters"] == {"lr": 0.9, "n": 2}
        assert (job["name"], job["spec"]["retries"], job["spec"]["timeout"]) == ("second", 3, None)
        assert (job["rerun_of"], job["notebook_hash"]) == (first["id"], first["notebook_hash"])
        assert job["id"] != first["id"]
        plain = await served.ask("POST", f"/jobs/{first['id']}/rerun")
        assert plain.status_code == 201
        latest = await served.ask("POST", f"/jobs/{first['id']}/rerun", json={"latest": True})
        assert problem(latest, 422, "notebook_invalid")
        info = (await served.ask("GET", f"/jobs/{first['id']}/notebook-info")).json()
        assert [one["name"] for one in info["parameters"]] == ["lr", "n"]
        wrong = await served.ask(
            "POST",
            f"/jobs/{first['id']}/rerun",
            json={"parameters": {"x y": 1}, "env": {"IFS": ""}},
        )
        places = {one["where"] for one in problem(wrong, 422, "invalid_input")["problems"]}
        assert places == {"parameters.x y", "env.IFS"}

    served(story)


def test_cancel_and_delete(served, make_notebook) -> None:
    """Only what has ended can be deleted; after that it is gone."""
    notebook = make_notebook("1")

    async def story(served: Served) -> None:
        job = await served.submit(notebook)
        problem(await served.ask("DELETE", f"/jobs/{job['id']}"), 409, "not_ended")
        runner = await running(served, job)
        cancelled = await served.ask("POST", f"/jobs/{job['id']}/cancel")
        assert cancelled.json()["cancelling"] is True
        await served.stage.until(job["id"], "cancelled")
        deleted = await served.ask("DELETE", f"/jobs/{job['id']}")
        assert (deleted.status_code, deleted.content) == (204, b"")
        assert not runner.directory.exists()
        problem(await served.ask("GET", f"/jobs/{job['id']}"), 404, "not_found")
        problem(await served.ask("POST", f"/jobs/{job['id']}/cancel"), 404, "not_found")
        problem(await served.ask("DELETE", f"/jobs/{job['id']}"), 404, "not_found")

    served(story)


def test_a_notebook_as_content_runs_without_a_file(served, tmp_path: Path) -> None:
    """A cell sent by the kernel: the path only names it and gives the directory."""
    content = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        "cells": [{"id": "a", "cell_type": "code", "metadata": {}, "source": "1", "outputs": [],
                   "execution_count": None}],
    }  # fmt: skip

    async def story(served: Served) -> None:
        body = {
            "spec": {"notebook": str(tmp_path / "Untitled.ipynb")},
            "content": content,
            "values": "gASVCQAAAAAAAAB9lIwBYZRLAXMu",
        }
        answer = await served.ask("POST", "/jobs", json=body)
        assert answer.status_code == 201, answer.text
        runner = await served.stage.runner()
        assert runner.order is not None
        assert runner.order.cwd == str(tmp_path)
        assert runner.order.values is not None
        assert Path(runner.order.values).read_bytes().startswith(b"\x80\x04")
        body["content"] = {"cells": "none"}
        answer = await served.ask("POST", "/jobs", json=body)
        problem(answer, 422, "notebook_invalid")

    served(story)


def test_f30_a_rerun_is_refused_where_its_result_cant_be_put(served, make_notebook) -> None:
    """As the first submit would have been."""
    notebook = make_notebook("print(1)")

    async def story(served: Served) -> None:
        first = await served.submit(notebook)
        (notebook.parent / "jobs").write_text("in the way")
        refused = await served.ask("POST", f"/jobs/{first['id']}/rerun")
        (place,) = problem(refused, 422, "invalid_input")["problems"]
        assert place["where"] == "spec.output_dir"
        assert "not a directory" in place["message"]

    served(story)


def test_f15_a_rerun_with_a_kernel_that_is_gone_is_refused(
    served, make_notebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a first submit with it would be."""
    directory = tmp_path / "share" / "kernels" / "passing"
    directory.mkdir(parents=True)
    (directory / "kernel.json").write_text(
        json.dumps({"argv": ["python3"], "display_name": "Passing", "language": "python"})
    )
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share"))
    notebook = make_notebook("print(1)", kernelspec={"name": "passing", "display_name": "Passing"})

    async def story(served: Served) -> None:
        first = await served.submit(notebook)
        (directory / "kernel.json").unlink()
        refused = await served.ask("POST", f"/jobs/{first['id']}/rerun")
        assert "passing" in problem(refused, 422, "kernel_unknown")["detail"]

    served(story)


def test_a_cell_has_no_later_version(served, make_notebook) -> None:
    """The notebook that the cell stood in is another one: it isn't run in the cell's place."""
    notebook = make_notebook("print('the whole notebook')")
    content = json.loads(make_notebook("print('the cell')", name="cell.ipynb").read_text())

    async def story(served: Served) -> None:
        spec = {"notebook": str(notebook), "tags": {"mlops.source": "cell"}}
        answer = await served.ask("POST", "/jobs", json={"spec": spec, "content": content})
        assert answer.status_code == 201, answer.text
        again = f"/jobs/{answer.json()['id']}/rerun"
        refused = await served.ask("POST", again, json={"latest": True})
        assert "was a cell" in problem(refused, 422, "invalid_input")["detail"]
        assert (await served.ask("POST", again)).status_code == 201

    served(story)


def test_a_rerun_of_the_latest_notebook_says_whose_it_is(served, make_notebook) -> None:
    """As one of the snapshot does."""
    notebook = make_notebook("print(1)")

    async def story(served: Served) -> None:
        first = await served.submit(notebook)
        answer = await served.ask("POST", f"/jobs/{first['id']}/rerun", json={"latest": True})
        assert answer.status_code == 201, answer.text
        assert answer.json()["rerun_of"] == first["id"]

    served(story)


def test_inspect_tells_what_a_form_needs(served, make_notebook, tmp_path: Path) -> None:
    """Parameters, kernel and problems; a missing notebook is told as such."""
    notebook = make_notebook("1", parameters="lr: float = 0.1  # learning rate")

    async def story(served: Served) -> None:
        answer = await served.ask("POST", "/notebooks/inspect", json={"notebook": str(notebook)})
        info = answer.json()
        assert info["parameters"][0]["help"] == "learning rate"
        assert info["kernel"]["name"] == "python3"
        gone = {"notebook": str(tmp_path / "gone.ipynb")}
        problem(await served.ask("POST", "/notebooks/inspect", json=gone), 422, "notebook_invalid")
        schema = (await served.ask("GET", "/job-spec.json")).json()
        assert set(schema["properties"]) == set(JobSpec.model_fields)

    served(story)
