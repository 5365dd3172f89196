"""The API as clients see it, over a real socket."""

# ruff: noqa: ASYNC240 - only the test itself waits

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops.daemon.openapi import text as openapi_text
from jupyter_mlops.jobs.model import Job, JobSpec
from jupyter_mlops.settings import Settings

from .mlops_scripted import Runner
from .mlops_served import Served

REPOSITORY = Path(__file__).parents[2]


async def finished(served: Served, job: dict[str, Any], **fields: Any) -> Runner:
    """Let the job's runner end it."""
    runner = await running(served, job)
    runner.finish(**fields)
    served.stage.ring(runner)
    await served.stage.until(job["id"], "succeeded", "failed")
    return runner


async def running(served: Served, job: dict[str, Any]) -> Runner:
    """The runner of a job, once it runs."""
    for number in range(100):
        runner = await served.stage.runner(number)
        assert runner.order is not None
        if runner.order.job_id == job["id"]:
            runner.prepared()
            served.stage.ring(runner)
            await served.stage.until(job["id"], "running")
            return runner
    raise AssertionError


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The problem document of an answer that must be one."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert set(document) == {"type", "title", "status", "code", "detail", "hint", "problems"}
    assert (document["status"], document["code"]) == (status, code)
    assert document["detail"]
    assert "Traceback" not in answer.text
    return document


def test_the_document_in_the_repository_is_the_api() -> None:
    """docs/openapi.json is written by `python -m jupyter_mlops.daemon.openapi`."""
    kept = (REPOSITORY / "docs" / "openapi.json").read_text("utf-8")
    assert kept == openapi_text(), "run: python -m jupyter_mlops.daemon.openapi"


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


# --- streams --------------------------------------------------------------------------------------


def test_the_event_stream_tells_every_change_and_deletion(served, make_notebook) -> None:
    """Hello with a number, each state as it comes, in the order of their numbers."""
    notebook = make_notebook("1")

    async def story(served: Served) -> None:
        async with served.lines("/events", follow=True) as following:
            hello = await following()
            assert hello["type"] == "hello"
            job = await served.submit(notebook)
            runner = await running(served, job)
            runner.finish()
            served.stage.ring(runner)
            states, last = [], hello["seq"]
            while (event := await following())["job"]["state"] != "succeeded":
                assert event["seq"] > last
                assert event["job"]["version"] == event["seq"]
                last = event["seq"]
                if not states or states[-1] != event["job"]["state"]:
                    states.append(event["job"]["state"])
            assert states == ["queued", "starting", "running"]
            await served.ask("DELETE", f"/jobs/{job['id']}")
            event = await following()
            assert (event["type"], event["job_id"]) == ("job_deleted", job["id"])

    served(story)


def test_f41_whoever_was_away_is_in_sync_again(served, make_notebook) -> None:
    """From the number it knew: one event for each job that changed since, and no other."""
    notebook = make_notebook("1")

    async def story(served: Served) -> None:
        quiet = await served.submit(notebook)
        await finished(served, quiet)
        changed = await served.submit(notebook)
        gone = await served.submit(notebook)
        await served.ask("POST", f"/jobs/{gone['id']}/cancel")
        await served.stage.until(gone["id"], "cancelled")
        known = (await served.ask("GET", "/jobs")).json()["version"]
        await served.ask("DELETE", f"/jobs/{gone['id']}")
        await finished(served, changed)
        answer = await served.ask("GET", "/events", params={"after": known})
        hello, *events = [json.loads(line) for line in answer.text.splitlines()]
        assert hello["seq"] >= known
        jobs = {event["job"]["id"]: event["job"]["state"] for event in events if "job" in event}
        assert jobs == {changed["id"]: "succeeded"}
        assert [event["job_id"] for event in events if "job" not in event] == [gone["id"]]
        strange = await served.ask("GET", "/events", params={"after": 2**52})
        assert len([line for line in strange.text.splitlines() if '"job":' in line]) == 2

    served(story)


def test_events_of_an_earlier_daemon_are_understood(served, make_notebook) -> None:
    """A client that was away while the daemon was replaced misses nothing."""
    notebook = make_notebook("1")

    async def before(served: Served) -> int:
        job = await served.submit(notebook, name="seen")
        await finished(served, job)
        known = (await served.ask("GET", "/jobs")).json()["version"]
        await served.submit(notebook, name="unseen")
        return known

    known = served(before)

    async def after(served: Served) -> None:
        answer = await served.ask("GET", "/events", params={"after": known})
        events = [json.loads(line) for line in answer.text.splitlines()]
        assert "unseen" in [event["job"]["name"] for event in events if "job" in event]
        assert events[0]["seq"] > known

    served(after)


def test_an_attempts_events_are_followed_to_the_jobs_end(served, make_notebook) -> None:
    """Live, across attempts, and ended by the job itself."""
    notebook = make_notebook("1")

    async def story(served: Served) -> None:
        job = await served.submit(notebook, retries=1)
        async with served.lines(f"/jobs/{job['id']}/events", follow=True) as following:
            runner = await running(served, job)
            first = await following()
            if first["type"] == "attempt":
                assert first["number"] == 1
                first = await following()
            assert first["type"] == "prepared"
            runner.write("stream", index=0, name="stdout", text="hello\n")
            served.stage.ring(runner)
            assert (await following())["text"] == "hello\n"
            runner.finish("failed", failure={"code": "cell_failed", "message": "no"})
            served.stage.ring(runner)
            assert (await following())["type"] == "finished"
            assert await following() == {"type": "attempt", "number": 2}
            second = await served.stage.runner(1)
            second.prepared()
            second.finish()
            served.stage.ring(second)
            assert (await following())["type"] == "prepared"
            assert (await following())["type"] == "finished"
            last = await following()
            assert (last["type"], last["job"]["state"]) == ("job", "succeeded")
            assert await following() is None
        again = await served.ask("GET", f"/jobs/{job['id']}/events", params={"attempt": 1})
        types = [json.loads(line)["type"] for line in again.text.splitlines()]
        assert types == ["prepared", "stream", "finished"]
        later = await served.ask(
            "GET", f"/jobs/{job['id']}/events", params={"attempt": 1, "after": 2, "follow": True}
        )
        lines = [json.loads(line) for line in later.text.splitlines()]
        assert [line["type"] for line in lines] == [
            "finished", "attempt", "prepared", "finished", "job",
        ]  # fmt: skip
        problem(
            await served.ask("GET", f"/jobs/{job['id']}/events", params={"attempt": 3}),
            404,
            "not_found",
        )

    served(story)


def test_fifty_followers_get_the_same_whole_stream(served, make_notebook) -> None:
    """However late they come: no line is missing, none comes twice."""
    notebook = make_notebook("1")

    async def story(served: Served) -> None:
        job = await served.submit(notebook)
        runner = await running(served, job)

        async def follow(wait: float) -> list[int]:
            await asyncio.sleep(wait)
            seen = []
            async with served.lines(f"/jobs/{job['id']}/events", follow=True) as following:
                while (event := await following()) is not None:
                    if "seq" in event:
                        seen.append(event["seq"])
            return seen

        followers = [asyncio.create_task(follow(number * 0.01)) for number in range(50)]
        for number in range(400):
            runner.write("stream", index=0, name="stdout", text=f"{number}\n" * 10)
            if number % 7 == 0:
                served.stage.ring(runner)
                await asyncio.sleep(0.005)
        runner.finish()
        served.stage.ring(runner)
        wanted = list(range(1, runner.seq + 1))
        for seen in await asyncio.gather(*followers):
            assert seen == wanted

    served(story)


def test_the_log_is_followed_as_it_grows(served, make_notebook) -> None:
    """From an offset, as bytes, and to the end of the job."""
    notebook = make_notebook("1")

    async def story(served: Served) -> None:
        job = await served.submit(notebook)
        runner = await running(served, job)
        log = runner.directory / "log.txt"
        log.write_text("one\ntwo\n")
        url = f"/api/v1/jobs/{job['id']}/log"
        async with served.client.stream("GET", url, params={"follow": True, "offset": 4}) as answer:
            assert answer.headers["content-type"].startswith("text/plain")
            pieces = answer.aiter_text()
            assert await anext(pieces) == "two\n"
            with log.open("a") as file:
                file.write("three\n")
            served.stage.ring(runner)
            assert await anext(pieces) == "three\n"
            runner.finish()
            served.stage.ring(runner)
            assert [piece async for piece in pieces] == []
        assert (await served.ask("GET", f"/jobs/{job['id']}/log")).text == "one\ntwo\nthree\n"

    served(story)


def test_streams_end_when_the_daemon_leaves(served, make_notebook) -> None:
    """Nobody hangs, and nobody mistakes it for the job's end."""
    notebook = make_notebook("1")

    async def story(served: Served) -> None:
        job = await served.submit(notebook)
        await running(served, job)
        path = f"/jobs/{job['id']}/events"
        async with (
            served.lines(path, follow=True) as one,
            served.lines("/events", follow=True) as two,
        ):
            assert (await one())["type"] == "prepared"
            assert (await two())["type"] == "hello"
            answer = await served.ask("POST", "/shutdown")
            assert answer.json() == {"leaving": True}
            served.stage.hub.close()
            served.stage.dispatcher.release_followers()
            assert await one() is None
            assert await two() is None

    served(story)


def test_a_stream_that_is_opened_while_the_daemon_leaves_ends_at_once(served) -> None:
    """The daemon waits for nobody who came too late."""

    async def story(served: Served) -> None:
        served.service.leave("the test wants it")
        served.stage.hub.close()
        async with served.lines("/events", follow=1) as line:
            assert (await line())["type"] == "hello"
            assert await line() is None

    served(story)


def test_the_executed_notebook_is_served_as_saved_last(served, make_notebook) -> None:
    """Not before there is one."""
    notebook = make_notebook("1")

    async def story(served: Served) -> None:
        first = await served.submit(notebook, resources={"cpus": 2})
        queued = await served.submit(notebook)
        problem(await served.ask("GET", f"/jobs/{queued['id']}/notebook"), 404, "not_found")
        runner = await running(served, first)
        problem(await served.ask("GET", f"/jobs/{first['id']}/notebook"), 404, "not_found")
        (runner.directory / "notebook.ipynb").write_text('{"cells": []}')
        answer = await served.ask("GET", f"/jobs/{first['id']}/notebook")
        assert (answer.json(), answer.headers["content-type"]) == (
            {"cells": []},
            "application/json",
        )
        problem(await served.ask("GET", f"/jobs/{first['id']}/html"), 404, "not_found")

    served(story)


def test_a39_html_is_sandboxed(served, make_notebook, tmp_path: Path) -> None:
    """Scripts in it can't run, let alone act as the person."""
    notebook = make_notebook("1")
    page = tmp_path / "page.html"
    page.write_text("<script>alert(1)</script>")

    async def story(served: Served) -> None:
        job = await served.submit(notebook)

        async def html(_: Any) -> Path:
            return page

        served.stage.notes.html = html
        answer = await served.ask("GET", f"/jobs/{job['id']}/html")
        assert answer.headers["content-security-policy"].startswith("sandbox;")
        assert "script" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"

    served(story)


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("job_id", ["x", "..%2f..%2fetc", "0123456789AB", "0" * 13, "a" * 60_000])
def test_a15_only_job_ids_are_job_ids(served, job_id: str) -> None:
    """Anything else is not found, whatever the route."""

    async def story(served: Served) -> None:
        for method, path in (
            ("GET", ""),
            ("DELETE", ""),
            ("POST", "/cancel"),
            ("GET", "/log"),
            ("GET", "/notebook"),
        ):
            answer = await served.ask(method, f"/jobs/{job_id}{path}")
            assert answer.status_code in {400, 404}, (method, path)

    served(story)


def test_a06_a_body_that_is_not_declared_as_json_is_refused(served, make_notebook) -> None:
    """A form or plain text from another site never counts as JSON."""
    body = json.dumps({"spec": {"notebook": str(make_notebook("1"))}})

    async def story(served: Served) -> None:
        for kind in ("text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"):
            answer = await served.ask("POST", "/jobs", content=body, headers={"Content-Type": kind})
            problem(answer, 415, "unsupported_media_type")
        assert (await served.ask("GET", "/jobs")).json()["jobs"] == []

    served(story)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/jobs/0123456789ab/cancel"),
        ("GET", "/shutdown"),
        ("PUT", "/jobs"),
        ("PATCH", "/jobs/0123456789ab"),
        ("POST", "/jobs/0123456789ab"),
    ],
)
def test_a07_reading_changes_nothing(served, method: str, path: str) -> None:
    """A route takes its own methods only."""

    async def story(served: Served) -> None:
        answer = await served.ask(method, path)
        problem(answer, 405, "method_not_allowed")
        assert answer.headers["allow"]
        assert not served.service.leaving.is_set()

    served(story)


def test_an_unknown_address_is_a_problem_too(served) -> None:
    """Every error has the same form."""

    async def story(served: Served) -> None:
        problem(await served.ask("GET", "/nothing"), 404, "not_found")
        problem(await served.client.get("/"), 404, "not_found")

    served(story)


@pytest.mark.parametrize("chunked", [False, True])
def test_a34_a_body_over_the_limit_is_not_read(served, chunked: bool) -> None:
    """413, whether its length was declared or not."""

    async def story(served: Served) -> None:
        async def pieces():
            for _ in range(1000):
                yield b" " * 65536

        content = pieces() if chunked else b" " * (2**20)
        answer = await served.ask(
            "POST", "/jobs", content=content, headers={"Content-Type": "application/json"}
        )
        problem(answer, 413, "too_large")

    served(story, settings=Settings(body_limit=2**16))


@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b'{"spec":' * 100_000, b'{"spec": {"parameters": {"a": ' + b"[" * 100_000],
)
def test_a34_nesting_without_end_is_refused(served, body: bytes) -> None:
    """422, and the daemon is still there."""

    async def story(served: Served) -> None:
        answer = await served.ask(
            "POST", "/jobs", content=body, headers={"Content-Type": "application/json"}
        )
        problem(answer, 422, "invalid_input")
        assert (await served.ask("GET", "/status")).status_code == 200

    served(story)


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b"\xff\xfe", b'{"spec": }', b'""'])
def test_f34_a_body_that_is_no_submission_names_the_place(served, body: bytes) -> None:
    """Never a traceback."""

    async def story(served: Served) -> None:
        answer = await served.ask(
            "POST", "/jobs", content=body, headers={"Content-Type": "application/json"}
        )
        assert problem(answer, 422, "invalid_input")["problems"]

    served(story)


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("state=nope", "state.0"),
        ("limit=0", "limit"),
        ("limit=1e9", "limit"),
        ("cursor=x", "cursor"),
        ("name=" + "x" * 300, "name"),
    ],
)
def test_a30_filters_are_checked(served, query: str, where: str) -> None:
    """A filter that makes no sense is named."""

    async def story(served: Served) -> None:
        answer = await served.ask("GET", f"/jobs?{query}")
        found = problem(answer, 422, "invalid_input")["problems"]
        assert [one["where"] for one in found] == [where]

    served(story)


def test_a10_an_unexpected_error_says_nothing_but_a_number(
    served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has the rest, under the same number."""

    async def story(served: Served) -> None:
        def broken(*_: Any) -> None:
            raise RuntimeError("the inner secret")

        monkeypatch.setattr(served.service.dispatcher, "view", broken)
        answer = await served.ask("GET", "/jobs/0123456789ab")
        problem(answer, 404, "not_found")
        monkeypatch.setattr(served.stage.store, "get", broken)
        document = problem(await served.ask("GET", "/jobs/0123456789ab"), 500, "internal_error")
        assert "inner secret" not in json.dumps(document)
        number = document["detail"].partition("error ")[2].partition(")")[0]
        assert number in caplog.text
        assert "the inner secret" in caplog.text

    served(story)
