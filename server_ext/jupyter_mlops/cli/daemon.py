"""`daemon status|start|stop|restart`."""

from __future__ import annotations

import json

from jupyter_mlops import paths
from jupyter_mlops.cli import render
from jupyter_mlops.cli.console import Console
from jupyter_mlops.cli.options import Given
from jupyter_mlops.client import Client


def status(_given: Given, console: Console) -> int:
    """Whether the daemon runs; nothing is started.

    Raises:
        DaemonUnreachable: it doesn't run.
    """
    _tell(console, Client(start=False), "runs")
    return 0


def start(_given: Given, console: Console) -> int:
    """Start the daemon if it doesn't run."""
    client = Client()
    already = client.listening()
    client.ensure_daemon()
    _tell(console, client, "already runs" if already else "was started")
    return 0


def stop(_given: Given, console: Console) -> int:
    """Stop the daemon; jobs go on."""
    stopped = Client(start=False).stop_daemon()
    if console.json:
        console.data(json.dumps({"stopped": stopped}) + "\n")
    else:
        console.say("The daemon was stopped." if stopped else "The daemon wasn't running.")
    return 0


def restart(_given: Given, console: Console) -> int:
    """Stop the daemon and start it anew; jobs go on."""
    client = Client()
    client.replace_daemon()
    _tell(console, client, "was started anew")
    return 0


def _tell(console: Console, client: Client, what: str) -> None:
    found = client.status()
    if console.json:
        console.data(json.dumps(found) + "\n")
        return
    counts = found.get("counts") or {}
    rows = [
        ("version", str(found.get("version", ""))),
        ("process", str(found.get("pid", ""))),
        ("up for", render.duration(found.get("uptime"))),
        ("jobs", ", ".join(f"{count} {name}" for name, count in counts.items() if count)),
        ("data", str(paths.data_dir())),
        ("log", str(paths.daemon_log())),
    ]
    console.say(f"The daemon {what}.")
    render.fields(console, rows)
