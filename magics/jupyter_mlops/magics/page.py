"""A job in a cell's output: as HTML, as text, and as what our own front end shows live.

One display carries all of them, and each front end takes what it knows best: JupyterLab with our
extension the job itself (live through the API, whatever the kernel does), others the widget while
there is one, everything else (a saved notebook on a web page) the HTML or the text.
"""

from __future__ import annotations

from html import escape
from typing import Any

from jupyter_mlops.cli import render
from jupyter_mlops.cli.console import clean, one_line
from jupyter_mlops.cli.progress import View, clock
from jupyter_mlops.magics.console import spoken, words

#: Rendered by the labextension (labextension/src/widgets/jobOutput.tsx).
JOB_MIME_TYPE = "application/vnd.jupyter-mlops.job+json"
TERMINAL_STATES = ("succeeded", "failed", "cancelled")

_COLOURS = {
    "succeeded": "var(--jp-success-color1, #2e7d32)",
    "failed": "var(--jp-error-color1, #c62828)",
    "cancelled": "var(--jp-warn-color1, #b26a00)",
    "running": "var(--jp-brand-color1, #1976d2)",
    "starting": "var(--jp-brand-color1, #1976d2)",
}
_QUIET = "var(--jp-ui-font-color2, var(--vscode-descriptionForeground, #616161))"
_TEXT = "var(--jp-ui-font-color1, var(--vscode-foreground, inherit))"
_SIGNS = {"succeeded": "✔", "failed": "✘", "cancelled": "⏹", "running": "▶"}
_METRICS_MOST = 12


def bundle(view: View) -> dict[str, Any]:
    """A job as it is, for every front end."""
    return {
        JOB_MIME_TYPE: {"id": view.job["id"]},
        "text/html": html(view),
        "text/plain": text(view),
    }


def state_line(view: View) -> str:
    """State, reason, progress and time, in words."""
    said = [view.state + (f": {view.why}" if view.why else "")]
    done, total = cells(view)
    if total and view.state not in ("succeeded", "queued"):
        said.append(f"{done} of {total} cells")
    if view.attempt > 1:
        said.append(f"attempt {view.attempt}")
    if view.state in TERMINAL_STATES:
        if took := render.duration(view.job.get("duration")):
            said.append(took)
    else:
        said.append(clock(view.elapsed))
    return ", ".join(said)


def cells(view: View) -> tuple[int, int]:
    """How many cells have run, of how many; the job itself knows best once it has ended."""
    progress = view.job.get("progress") or {}
    if view.state in TERMINAL_STATES and progress.get("total"):
        return int(progress["done"]), int(progress["total"])
    return view.done, view.total


def text(view: View) -> str:
    """A job as text."""
    job = view.job
    if view.state in TERMINAL_STATES:
        return clean(words(lambda console: render.ending(console, job)))
    lines = [f"{view.name}  {job['id']}", f"  {state_line(view)}"]
    if view.last_output:
        lines.append(f"  {view.last_output}")
    lines.append(f"  %mlops attach {job['id']} shows it again")
    return "\n".join(lines)


def html(view: View) -> str:
    """A job as HTML: everything in it is text, the colours are the theme's."""
    job, colour = view.job, _COLOURS.get(view.state, _QUIET)
    ended = view.state in TERMINAL_STATES
    frame = (
        f"border-left: 3px solid {colour}; padding: 2px 0 2px 10px; color: {_TEXT}; "
        "font-family: var(--jp-ui-font-family, sans-serif)"
    )
    parts = [
        f'<div role="region" aria-label="Job {escape(view.name, quote=True)}" style="{frame}">',
        f"<div><strong>{escape(view.name)}</strong>",
        f' <span role="status" style="color: {colour}">{_SIGNS.get(view.state, "…")}',
        f" {escape(state_line(view))}</span>",
        f' <code style="color: {_QUIET}">{escape(job["id"])}</code></div>',
    ]
    if view.total and not ended:
        parts.append(
            f'<progress max="{view.total}" value="{view.done}" style="width: 100%" '
            f'aria-label="{view.done} of {view.total} cells"></progress>'
        )
    parts += _ending(job) if ended else _doing(view)
    parts.append("</div>")
    return "".join(parts)


def _doing(view: View) -> list[str]:
    shown = [line for line in (view.source, view.last_output) if line]
    return [
        f'<div style="color: {_QUIET}; font-family: var(--jp-code-font-family, monospace); '
        'white-space: nowrap; overflow: hidden; text-overflow: ellipsis">'
        f"{escape(line[:300])}</div>"
        for line in shown
    ]


def _ending(job: dict[str, Any]) -> list[str]:
    parts = []
    if failure := job.get("failure"):
        parts.append(f"<div>{escape(clean(failure['message']))}</div>")
        if hint := failure.get("hint"):
            parts.append(f'<div style="color: {_QUIET}">{escape(spoken(clean(hint)))}</div>')
    rows = [
        (one_line(name), f"{value:.6g}")
        for name, value in sorted((job.get("metrics") or {}).items())[:_METRICS_MOST]
    ]
    rows += [(name, value) for name, value in render.outputs(job) if value]
    rows += [("warning", one_line(said)) for said in job.get("warnings") or []]
    if rows:
        cells = "".join(
            f'<tr><th scope="row" style="text-align: left; color: {_QUIET}; font-weight: normal">'
            f'{escape(name)}</th><td style="text-align: left">{escape(spoken(value))}</td></tr>'
            for name, value in rows
        )
        parts.append(f"<table>{cells}</table>")
    return parts
