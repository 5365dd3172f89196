"""`jupyter mlops doctor` as a whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlops.cli import doctor
from jupyter_mlops.cli.checks.finding import Finding

from .mlops_doctor import Patch, only

if TYPE_CHECKING:
    from mlops_script import Run


def test_all_is_well_on_this_machine(cli: Run, stopped: None) -> None:
    """The whole of it, as JSON: every check has a name, a status and a detail."""
    ran = cli("doctor", "--json", timeout=110)
    document = json.loads(ran.stdout)
    assert ran.returncode == (0 if document["ok"] else 1)
    names = [check["name"] for check in document["checks"]]
    for name in ("python", "packages", "kernels", "data directory", "disk", "socket", "daemon"):
        assert name in names
    well = {check["name"] for check in document["checks"] if check["status"] == "ok"}
    assert {"python", "kernels", "data directory", "disk", "socket", "store", "daemon"} <= well
    assert all(check["mend"] for check in document["checks"] if check["status"] != "ok")
    bad = [check for check in document["checks"] if check["status"] == "problem"]
    assert document["problems"] == len(bad)


def test_as_text(cli: Run, home: Path, stopped: None) -> None:
    """A line a finding, what mends it below, and the verdict; 1 when there is a problem."""
    home.mkdir(mode=0o700)
    (home / "jobs.db").write_bytes(b"not a database" * 100)
    ran = cli("doctor", timeout=110)
    assert ran.returncode == 1
    assert "✔ python" in ran.stdout
    assert f"✘ store             {home}/jobs.db is damaged: file is not a database." in ran.stdout
    assert "sqlite3" in ran.stdout
    assert "what mends each stands below it." in ran.stdout


def test_a_check_that_breaks_is_a_finding(monkeypatch: Patch) -> None:
    """And the others still run."""

    def fragile() -> list[Finding]:
        raise RuntimeError("\x1b[31moops")

    found = only(doctor._run(fragile))
    assert (found.name, found.status) == ("fragile", "problem")
    assert "RuntimeError: oops" in found.detail
