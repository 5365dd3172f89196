"""What the API streams, and what it serves as files."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from .mlops_api import problem, running
from .mlops_scripted import Runner
from .mlops_served import Served


async def finished(served: Served, job: dict[str, Any], **fields: Any) -> Runner:
    """Let the job's runner end it."""
    runner = await running(served, job)
    runner.finish(**fields)
    served.stage.ring(runner)
    await served.stage.until(job["id"], "succeeded", "failed")
    return runner


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
