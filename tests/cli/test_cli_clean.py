"""`clean` against the real daemon, and what `doctor` says of the same."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from jupyter_mlops import paths
from jupyter_mlops.tracking.kept_data import place_of

if TYPE_CHECKING:
    from mlops_script import Run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]


def test_what_nobody_needs_goes(cli: Run) -> None:
    """Only when it isn't pretended; counted in words and as JSON."""
    place = paths.private_dir(paths.private_dir(paths.rebuilt_dir()) / ("a" * 24))
    (place / "kernel.json").write_text("{}")
    copy = place_of(hashlib.sha256(b"x").hexdigest())
    assert copy is not None
    copy.parent.mkdir(parents=True, mode=0o700)
    copy.write_bytes(b"x")
    checks = {one["name"]: one for one in json.loads(cli("doctor", "--json").stdout)["checks"]}
    assert checks["environments"]["detail"].startswith("1 rebuilt environment, ")
    assert checks["copies"]["detail"].startswith("1 copy of data, ")
    done = cli("clean", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Would remove 1 rebuilt environment (")
    assert (place.exists(), copy.exists()) == (True, True)
    done = cli("clean", "--unused-for", "1d")
    assert "Removed 0 copies of data (0 B); there is 1 (1 B, limit 10.0 GiB)." in done.stdout
    found = json.loads(cli("clean", "--json").stdout)
    assert (found["environments"]["count"], found["copies"]) == (1, {"count": 1, "size": 1})
    assert found["left"]["copies"] == {"count": 0, "size": 0, "limit": 10 * 2**30}
    assert (place.exists(), copy.exists()) == (False, False)
    assert cli("clean", "--unused-for", "soon").returncode == 2
