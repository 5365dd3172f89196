"""The thin client of the daemon's API, for the terminal, the kernel and the Jupyter server.

Standard library only, and little of it: `import jupyter_mlops.client` has a budget (tests/client).

    from jupyter_mlops.client import Client

    client = Client()                       # starts the daemon when there is none
    job = client.submit({"notebook": "/home/me/train.ipynb", "parameters": {"lr": 0.1}})
    for event in client.follow(job["id"]):
        ...

What is sent and returned are the models of `jupyter_mlops.jobs.model` as plain dicts. Errors are
those of `jupyter_mlops.errors`. A `Client` may be used by several threads.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

from jupyter_mlops.caller import Caller, Json
from jupyter_mlops.errors import Busy, DaemonUnreachable, InvalidInput
from jupyter_mlops.transport import BrokenOff, header_safe

#: How often a job is taken up again with no event in between before it is given up.
_RECONNECTIONS = 3
_ENDED = ("succeeded", "failed", "cancelled")


class Client(Caller):
    """One person's daemon."""

    def status(self) -> Json:
        """Version, pid, uptime, capacity and use, counts, settings, tracking."""
        return self._json("GET", "/status")

    def shutdown(self) -> None:
        """Stop the daemon; jobs go on."""
        self._json("POST", "/shutdown", repeat=False)

    def submit(
        self,
        spec: Json,
        *,
        content: Json | None = None,
        values: str | None = None,
        idempotency_key: str | None = None,
    ) -> Json:
        """Submit a job; it is durable when this returns.

        Without a key of your own one is made up, so that a connection lost halfway never makes
        two jobs of one.

        Raises:
            InvalidInput: `problems` names every field that can't be used.
        """
        body: Json = {"spec": spec}
        if content is not None:
            body["content"] = content
        if values is not None:
            body["values"] = values
        key = os.urandom(16).hex() if idempotency_key is None else idempotency_key
        if not (header_safe(key) and 0 < len(key) <= 255):
            raise InvalidInput(
                "The idempotency key can't be used.",
                hint="Use 1 to 255 letters, digits and signs of ASCII.",
            )
        return self._json("POST", "/jobs", body=body, headers={"Idempotency-Key": key})

    def jobs(
        self,
        *,
        states: tuple[str, ...] = (),
        name: str | None = None,
        notebook: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Json:
        """One page of jobs, newest first: a `JobList`."""
        query = {
            "state": states,
            "name": name,
            "notebook": notebook,
            "limit": limit,
            "cursor": cursor,
        }
        return self._json("GET", "/jobs", query=query)

    def all_jobs(self, **filters: Any) -> Iterator[Json]:
        """Every job that matches the filters of `jobs`, newest first, page by page."""
        while True:
            page = self.jobs(**filters)
            yield from page["jobs"]
            if not page.get("next"):
                return
            filters["cursor"] = page["next"]

    def job(self, job_id: str) -> Json:
        """One job."""
        return self._json("GET", f"/jobs/{_segment(job_id)}")

    def cancel(self, job_id: str) -> Json:
        """Ask for the end of a job; it is `cancelled` when its processes are gone."""
        return self._json("POST", f"/jobs/{_segment(job_id)}/cancel")

    def rerun(self, job_id: str, changes: Json | None = None) -> Json:
        """Submit a job again with changes (`SpecChanges`); returns the new job."""
        return self._json(
            "POST", f"/jobs/{_segment(job_id)}/rerun", body=changes or {}, repeat=False
        )

    def delete(self, job_id: str) -> None:
        """Delete a job that has ended, with its records; what it wrote for the person stays.

        Raises:
            Conflict: it hasn't ended.
        """
        self._json("DELETE", f"/jobs/{_segment(job_id)}")

    def notebook(self, job_id: str, attempt: int | None = None) -> Json:
        """The executed notebook as saved last."""
        return self._json("GET", f"/jobs/{_segment(job_id)}/notebook", query={"attempt": attempt})

    def html(self, job_id: str, timeout: float | None = None) -> bytes:
        """The executed notebook as HTML, rendered now if need be."""
        response = self._answer("GET", f"/jobs/{_segment(job_id)}/html", timeout=timeout)
        return self._finish(response, timeout)

    def render_html(self, job_id: str, timeout: float | None = None) -> None:
        """Have the HTML rendered if it isn't there yet; nothing of it is fetched."""
        self._answer("GET", f"/jobs/{_segment(job_id)}/html", timeout=timeout).connection.close()

    def inspect(self, notebook: str) -> Json:
        """What a notebook declares, and what would refuse its submit: a `NotebookInfo`."""
        return self._json("POST", "/notebooks/inspect", body={"notebook": notebook})

    def notebook_info(self, job_id: str) -> Json:
        """The `NotebookInfo` of a job's own snapshot."""
        return self._json("GET", f"/jobs/{_segment(job_id)}/notebook-info")

    # -- experiments and runs ----------------------------------------------------------------

    def experiments(
        self, *, words: str = "", limit: int | None = None, cursor: str | None = None
    ) -> Json:
        """One page of experiments: an `ExperimentList`."""
        query = {"words": words or None, "limit": limit, "cursor": cursor}
        return self._json("GET", "/experiments", query=query)

    def runs(
        self,
        *,
        experiments: tuple[str, ...] = (),
        experiment_names: tuple[str, ...] = (),
        id_prefix: str = "",
        text: str = "",
        order: tuple[str, ...] = (),
        columns: tuple[str, ...] = (),
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Json:
        """One page of runs: a `RunList`; `text` is a filter, plain words, or both."""
        query = {
            "experiment": experiments,
            "experiment_name": experiment_names,
            "id": id_prefix or None,
            "filter": text or None,
            "order": order,
            "columns": columns,
            "limit": limit,
            "cursor": cursor,
        }
        return self._json("GET", "/runs", query=query)

    def run(self, run_id: str) -> Json:
        """Everything about a run: a `RunDetail`."""
        return self._json("GET", f"/runs/{_segment(run_id)}")

    def compare(self, run_ids: tuple[str, ...]) -> Json:
        """Where runs differ: a `Comparison`."""
        return self._json("GET", "/runs/compare", query={"run": run_ids})

    def report(
        self,
        run_ids: Sequence[str],
        *,
        title: str = "",
        metrics: Sequence[str] | None = None,
        html: bool = False,
        timeout: float = 600.0,
    ) -> Json:
        """Runs as files to send: a `ReportFile`, whose `notebook` is the text of one.

        Args:
            run_ids: the runs, in the order of the report.
            title: the experiments' names when left out.
            metrics: which are drawn; None: those with several points.
            html: with the notebook as a page.
            timeout: seconds that it may take.
        """
        body: Json = {"runs": list(run_ids), "title": title, "html": html}
        if metrics is not None:
            body["metrics"] = list(metrics)
        return self._json("POST", "/reports", body=body, timeout=timeout)

    def diff(self, before: str, after: str, part: str) -> Json:
        """Where two runs differ in their `notebook`, `packages`, `code` or `data`.

        Raises:
            TooLarge: it is too large to be compared.
        """
        return self._json("GET", f"/runs/{_segment(before)}/diff/{_segment(after)}/{part}")

    def start_run(self, order: Json) -> Json:
        """Begin a run that this process logs into (`RunStart`), or go on with it: an `OpenRun`.

        Raises:
            InvalidInput: `problems` names every field that can't be used.
        """
        return self._json("POST", "/runs", body=order)

    def sync_run(self, run_id: str, patience: float = 5.0) -> Json:
        """Have recorded what was logged into a run; waits so many seconds at most.

        Raises:
            NotFound: nobody logs into it any more; all of it is recorded.
        """
        path = f"/runs/{_segment(run_id)}/sync"
        return self._json("POST", path, query={"patience": patience})

    # -- reproductions -----------------------------------------------------------------------

    def reproduce(self, run_id: str, order: Json | None = None) -> Json:
        """Begin to reproduce a run (`ReproductionOrder`): a `Reproduction`."""
        path = f"/runs/{_segment(run_id)}/reproductions"
        return self._json("POST", path, body=order or {}, repeat=False)

    def reproductions(self, run_id: str) -> Json:
        """Reproductions of a run, newest first: a `ReproductionList`."""
        return self._json("GET", f"/runs/{_segment(run_id)}/reproductions")

    def reproduction(self, reproduction_id: str) -> Json:
        """A reproduction as it is now."""
        return self._json("GET", f"/reproductions/{_segment(reproduction_id)}")

    def cancel_reproduction(self, reproduction_id: str) -> Json:
        """Ask for the end of a reproduction and its job.

        Raises:
            Conflict: it has ended.
        """
        return self._json("POST", f"/reproductions/{_segment(reproduction_id)}/cancel")

    def reproducibility(self, run_id: str) -> Json:
        """Whether a run could be reproduced, told in advance: a `Reproducibility`."""
        return self._json("GET", f"/runs/{_segment(run_id)}/reproducibility")

    def space(self) -> Json:
        """What reproductions need on the disk: a `Space`."""
        return self._json("GET", "/space")

    def clean(self, order: Json | None = None) -> Json:
        """Remove what isn't in use (`CleaningOrder`): a `Cleaned`."""
        return self._json("POST", "/space/clean", body=order or {})

    # -- streams -----------------------------------------------------------------------------

    def log(
        self,
        job_id: str,
        *,
        attempt: int | None = None,
        offset: int | None = None,
        follow: bool = False,
    ) -> Iterator[bytes]:
        """The log of an attempt, in pieces; with `follow` until the job has ended."""
        try:
            yield from self._log(job_id, attempt, offset, follow=follow)
        except BrokenOff as error:
            raise self._silent(error) from error

    def follow_log(
        self, job_id: str, *, attempt: int | None = None, offset: int = 0
    ) -> Iterator[bytes]:
        """`log(follow=True)` that outlives the daemon: starts it again and goes on.

        Raises:
            DaemonUnreachable: it went away and can't be started again.
        """
        number = self.job(job_id)["attempt"] if attempt is None else attempt
        failures = 0
        while True:
            why: Exception | None = None
            try:
                for piece in self._log(job_id, attempt, offset, follow=True):
                    failures, offset = 0, offset + len(piece)
                    yield piece
            except (BrokenOff, Busy) as error:
                why = error
            if why is None and log_is_whole(self.job(job_id), attempt):
                return
            # It broke off, or ended although the job hasn't: the daemon has gone, or is about to.
            failures += 1
            if failures > _RECONNECTIONS:
                raise self._gives_up(job_id) from why
            time.sleep(0.1 * 2**failures)
            self.ensure_daemon()
            job = self.job(job_id)
            if attempt is None and number and job["attempt"] != number:
                # It went on to another attempt meanwhile: that one's log from its beginning.
                yield f"--- attempt {job['attempt']} ---\n".encode()
                offset = 0
            number = job["attempt"] if attempt is None else attempt

    def job_events(
        self,
        job_id: str,
        *,
        attempt: int | None = None,
        after: int | None = None,
        follow: bool = False,
        tick: float | None = None,
    ) -> Iterator[Json | None]:
        """The events of an attempt; with `follow` those of the next ones too, and the job last.

        With `tick`, None comes whenever nothing has for so many seconds.
        """
        query = {"attempt": attempt, "after": after, "follow": follow or None}
        try:
            yield from self._job_lines(job_id, query, tick)
        except BrokenOff as error:
            raise self._silent(error) from error

    def events(
        self, *, after: int | None = None, follow: bool = True, tick: float | None = None
    ) -> Iterator[Json | None]:
        """What happens to any job; `{"type": "hello", "seq": n}` first."""
        query = {"after": after, "follow": follow or None}
        try:
            for event in self._lines("/events", query, tick):
                if event is None or event:  # an empty object only keeps the connection alive
                    yield event
        except BrokenOff as error:
            raise self._silent(error) from error

    def follow(
        self, job_id: str, *, after: int = 0, attempt: int | None = None, tick: float | None = None
    ) -> Iterator[Json | None]:
        """`job_events(follow=True)` that outlives the daemon: starts it again and goes on.

        Begins with `attempt`; None is for a job that was just submitted. The last one is
        `{"type": "job", "job": …}`; `{"type": "reconnected"}` comes after a new connection.

        Raises:
            DaemonUnreachable: it went away and can't be started again.
        """
        failures = 0
        while True:
            why: Exception | None = None
            query = {"attempt": attempt, "after": after or None, "follow": True}
            try:
                for event in self._job_lines(job_id, query, tick):
                    yield event
                    if event is None:
                        continue
                    failures = 0
                    if event.get("type") == "job":
                        return
                    if event.get("type") == "attempt":
                        attempt, after = int(event["number"]), 0
                    else:
                        attempt, after = attempt or 1, int(event.get("seq", after))
            except (BrokenOff, Busy) as error:
                why = error
            # It broke off, or ended although the job hasn't: the daemon has gone.
            failures += 1
            if failures > _RECONNECTIONS:
                raise self._gives_up(job_id) from why
            time.sleep(0.1 * 2**failures)
            self.ensure_daemon()
            yield {"type": "reconnected"}

    def _gives_up(self, job_id: str) -> DaemonUnreachable:
        return DaemonUnreachable(
            "The daemon goes away again and again while the job is followed.",
            hint=f"`jupyter mlops attach {job_id}` follows it again. It isn't lost.",
        )

    def _log(
        self, job_id: str, attempt: int | None, offset: int | None, *, follow: bool
    ) -> Iterator[bytes]:
        query = {"attempt": attempt, "offset": offset or None, "follow": follow or None}
        path = f"/jobs/{_segment(job_id)}/log"
        yield from self._stream(path, query, follow=follow)

    def _job_lines(self, job_id: str, query: Json, tick: float | None) -> Iterator[Json | None]:
        yield from self._lines(f"/jobs/{_segment(job_id)}/events", query, tick)


def log_is_whole(job: Json, attempt: int | None) -> bool:
    """Whether nothing can come any more to the log of a job, or of one of its attempts."""
    states = [a["state"] for a in job["attempts"] if attempt in (None, a["number"])]
    ended = all(state in _ENDED for state in states)
    return ended and (attempt is not None or job["state"] in _ENDED)


def _segment(job_id: str) -> str:
    """A job's id as a part of a path; whatever it contains, it stays one part."""
    if job_id.isascii() and job_id.isalnum():
        return job_id
    from urllib.parse import quote

    return quote(job_id, safe="").replace(".", "%2E") or "%20"
