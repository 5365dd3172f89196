"""How far a job is, while it is followed: one live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import Any, Protocol

from jupyter_mlops.cli.console import Console, fit, one_line, width_of

#: Seconds between two drawings of the live line.
REDRAW = 0.1
_BAR = 24


def clock(seconds: float) -> str:
    """Elapsed time: `0:07`, `12:30`, `1:02:03`."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    if hours:
        return f"{hours}:{rest // 60:02}:{rest % 60:02}"
    return f"{rest // 60}:{rest % 60:02}"


class View:
    """What is known of a job that is being followed; fed with its events."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.name = one_line(job["name"])
        self.total = 0
        self.done = 0
        self.source = ""
        self.last_output = ""
        self.attempt = 0
        self._partial = ""
        self._origin = time.monotonic()
        self.refresh(job)

    def refresh(self, job: dict[str, Any]) -> None:
        """Take over a newer reading of the job."""
        self.job = job
        self.state = str(job["state"])
        self.attempt = int(job.get("attempt") or 0)
        began = job.get("started_at") or job.get("created_at")
        if began is not None:
            # The wall clock is asked once a reading; between two, time passes monotonically.
            self._origin = time.monotonic() - max(0.0, time.time() - float(began))
        if not self.total and (progress := job.get("progress")):
            self.total, self.done = int(progress["total"]), int(progress["done"])
            self.source = one_line(progress.get("current_source", ""))
        if not self.last_output:
            self.last_output = one_line(job.get("last_output", ""))

    def writes_html(self) -> None:
        """The job has ended; its HTML is on the way."""
        self.state, self.total, self.last_output = "writing HTML", 0, ""

    @property
    def elapsed(self) -> float:
        """Seconds since the job began (or, before that, was submitted)."""
        return time.monotonic() - self._origin

    @property
    def waiting(self) -> bool:
        """Whether no cell has been prepared yet."""
        return self.state in ("queued", "starting")

    @property
    def why(self) -> str:
        """Why it waits, in words; empty while it runs."""
        if self.job.get("cancelling") and self.state in ("queued", "starting", "running"):
            return "cancelling"
        if self.state == "queued":
            waits = one_line(self.job.get("waiting_for") or "")
            return f"waits for {waits}" if waits else ""
        return ""

    def take(self, event: dict[str, Any]) -> None:
        """Take an event of the job's attempt in."""
        kind = event.get("type")
        if kind == "attempt":
            self.attempt = int(event["number"])
            self.total = self.done = 0
            self.source = self.last_output = self._partial = ""
            self.state = "starting"
        elif kind == "prepared":
            self.total, self.done, self.state = int(event["total"]), 0, "running"
        elif kind == "cell_started":
            self.source = one_line(event.get("source", ""))
            self.state = "running"
        elif kind == "cell_finished":
            if event.get("status") in ("succeeded", "failed"):
                self.done += 1
        elif kind == "stream":
            self._printed(str(event.get("text", "")))
        elif kind == "output":
            self._shown(event.get("output") or {})
        elif kind == "note":
            self.last_output = one_line(event.get("text", ""))

    def _printed(self, text: str) -> None:
        # A line may come in pieces; a progress bar of the notebook's own returns the carriage.
        tail = (self._partial + text)[-4096:]
        lines = tail.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._partial = lines[-1]
        for line in reversed(lines):
            if shown := one_line(line):
                self.last_output = shown
                return

    def _shown(self, output: dict[str, Any]) -> None:
        if output.get("output_type") == "error":
            self.last_output = one_line(f"{output.get('ename')}: {output.get('evalue')}")
            return
        data = output.get("data")
        text = data.get("text/plain", "") if isinstance(data, dict) else ""
        text = "".join(text) if isinstance(text, list) else str(text)
        first = text.strip().partition("\n")[0]
        if first and not (first.startswith("<") and first.endswith(">")):
            self.last_output = one_line(first)


class Painter(Protocol):
    """Shows a view; `end` leaves the terminal ready for what is said next."""

    def update(self, view: View, event: dict[str, Any] | None, /) -> None:
        """After an event (None: only time has passed)."""

    def end(self) -> None:
        """Nothing more will be shown."""


class Silent:
    """Shows nothing."""

    def update(self, view: View, event: dict[str, Any] | None) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""


class Bar:
    """One line, redrawn in place."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._drawn = 0.0
        self._there = False

    def update(self, view: View, _event: dict[str, Any] | None) -> None:
        """Redraw, unless it was just done."""
        now = time.monotonic()
        if self._there and now - self._drawn < REDRAW:
            return
        self._drawn, self._there = now, True
        self._console.draw(f"\r{self.line(view)}\x1b[K")

    def end(self) -> None:
        """Take the line away."""
        if self._there:
            self._console.draw("\r\x1b[K")
            self._there = False

    def line(self, view: View) -> str:
        """The line, one column narrower than the terminal so that it never wraps."""
        console, room = self._console, self._console.width - 1
        name = fit(view.name, max(8, room // 4))
        again = f" (attempt {view.attempt})" if view.attempt > 1 else ""
        if view.waiting or not view.total:
            head = f"{name}{again}  {view.state}  {clock(view.elapsed)}"
            rest = view.why or view.last_output
            return fit(f"{head}  {rest}" if rest else head, room)
        counts = f"{view.done}/{view.total}  {clock(view.elapsed)}"
        fixed = width_of(f"{name}{again}") + len(counts) + 4
        columns = min(_BAR, room // 5, room - fixed)
        if columns < 5:
            return fit(f"{name}{again}  {counts}", room)
        parts = [f"{name}{again}", self._bar(view, columns), counts]
        left = room - fixed - columns - 2
        if view.why:
            parts.append(console.paint(fit(view.why, left), "yellow"))
        elif left >= 12 and view.source:
            # The source first; the last output gets what is left, and at least half if it needs it.
            output = view.last_output if left >= 28 else ""
            for_output = min(width_of(output) + 3, left // 2) if output else 0
            source = fit(view.source, left - for_output)
            parts.append(console.paint(source, "cyan"))
            if output:
                mark = console.sign("›", ">")
                shown = fit(output, left - width_of(source) - 3)
                parts[-1] += f" {mark} {shown}"
        return "  ".join(parts)

    def _bar(self, view: View, columns: int) -> str:
        console = self._console
        full = columns * min(view.done, view.total) // view.total
        done, left = console.sign("━", "#"), console.sign("─", "-")
        return console.paint(done * full, "green") + console.paint(left * (columns - full), "dim")


class Lines:
    """A line a cell and a line a change of state, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said = ""

    def update(self, view: View, event: dict[str, Any] | None) -> None:
        """Say what is new, if it is worth a line."""
        kind = event.get("type") if event else None
        if kind == "cell_started":
            self._say(view, f"cell {min(view.done + 1, view.total)}/{view.total}  {view.source}")
        elif kind == "cell_finished" and event and event.get("status") == "failed":
            self._say(view, f"cell {view.done}/{view.total} failed  {view.last_output}")
        elif kind == "attempt" and view.attempt > 1:
            self._say(view, f"attempt {view.attempt}")
        elif kind == "note":
            self._say(view, view.last_output)
        elif kind == "reconnected":
            self._say(view, "the daemon was started again; the job went on")
        else:
            state = f"{view.state}: {view.why}" if view.why else view.state
            if state != self._said:
                self._said = state
                self._say(view, state)

    def end(self) -> None:
        """Nothing is left to tidy."""

    def _say(self, view: View, text: str) -> None:
        self._console.say(f"[{clock(view.elapsed)}] {text}")


def painter(console: Console, *, quiet: bool) -> Painter:
    """What suits the console."""
    if quiet or console.text is None:
        return Silent()
    return Bar(console) if console.live else Lines(console)
