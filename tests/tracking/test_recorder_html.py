"""The page of a job, and its artifacts."""

# ruff: noqa: ASYNC240 - only the test itself waits
from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from jupyter_mlops import paths
from jupyter_mlops.errors import NotFound

from .mlops_runs import Story, artifact_files
from .mlops_tracked import Tracked, notebook


def test_html_is_rendered_when_somebody_asks(tracked: Story) -> None:
    """Of a job that runs, as it is then; there is none before anything was saved."""

    async def story(on: Tracked) -> None:
        job = await on.submit()
        with pytest.raises(NotFound):
            await on.recorder.html(job)
        await on.begin(job)
        await on.prepared(job)
        directory = paths.attempt_dir(job.id, 1)
        import json

        (directory / "notebook.ipynb").write_text(json.dumps(notebook("print('so far')")))
        page = await on.recorder.html(await on.job(job))
        assert "so far" in page.read_text()
        assert "running" in page.read_text()
        await on.end(job)
        await on.synced(job)
        final = await on.recorder.html(await on.job(job))
        assert "succeeded" in final.read_text()
        before = final.stat().st_ino
        again = await on.recorder.html(await on.job(job))
        assert again.stat().st_ino == before, "nothing is rendered twice"

    tracked(story)


def test_waiting_jobs_go_before_html(tracked: Story) -> None:
    """Unless somebody asks for it."""

    async def story(on: Tracked) -> None:
        waiting = await on.submit()
        job = await on.submit()
        await on.begin(job)
        await on.end(job)

        async def told() -> bool:
            return (await on.job(job)).tracking.synced

        await on.until(told)
        await asyncio.sleep(1.0)
        assert (await on.job(job)).outputs.html is None
        asked = await on.recorder.html(await on.job(job))
        assert asked.exists()
        await on.cancel(waiting)
        done = await on.synced(job)
        assert done.outputs.html is not None

    tracked(story)


def test_a_notebook_without_html_is_synced_all_the_same(tracked: Story) -> None:
    """Broken by whoever: the job says that there is no HTML, and is done."""

    async def story(on: Tracked) -> None:
        job = await on.submit()
        await on.begin(job)
        (paths.attempt_dir(job.id, 1) / "notebook.ipynb").write_text("{")
        await on.end(job, saved=False)
        done = await on.synced(job)
        assert done.outputs.html is None
        assert "HTML could not be made" in done.tracking.detail
        assert done.tracking.synced

    tracked(story)


def test_f30_an_output_folder_that_is_gone_is_not_made_again(tracked: Story) -> None:
    """The person removed it; the run has everything."""

    async def story(on: Tracked) -> None:
        waiting = await on.submit()  # keeps the export back until the folder is gone
        job = await on.submit()
        reference = await on.begin(job)
        await on.end(job)
        import shutil

        shutil.rmtree(job.outputs.directory)
        await on.cancel(waiting)
        done = await on.synced(job)
        assert not Path(job.outputs.directory).exists()
        assert done.outputs.html is None
        assert "notebook/work.html" in artifact_files(str(reference.run_id))

    tracked(story)


def test_a35_odd_names_make_fit_artifacts(tracked: Story) -> None:
    """Names that MLflow's addresses can't hold."""

    async def story(on: Tracked) -> None:
        directory = paths.data_dir().parent / "work"
        job = await on.submit(notebook=str(directory / "报告 #1 50%?.ipynb"))
        reference = await on.begin(job)
        await on.end(job)
        done = await on.synced(job)
        assert done.tracking.experiment == "报告 #1 50%?"
        assert artifact_files(str(reference.run_id)).keys() == {
            *(f"notebook/报告 _1 50__.{suffix}" for suffix in ("ipynb", "html", "log")),
            "mlops/facts.json",
        }

    tracked(story)
