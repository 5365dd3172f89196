"""Credentials that were refused are not sent again at once, and new ones are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jupyter_mlops.tracking import credential_gate
from jupyter_mlops.tracking.credential_gate import CredentialGate
from jupyter_mlops.tracking.tracking_server import CredentialsRefused


class Clock:
    """Time that passes when the test says so."""

    now = 100.0

    def monotonic(self) -> float:
        """Seconds."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The gate's."""
    found = Clock()
    monkeypatch.setattr(credential_gate, "time", found)
    return found


def shut(gate: CredentialGate) -> bool:
    """Whether nobody may ask."""
    try:
        gate.check()
    except CredentialsRefused:
        return True
    return False


def test_pauses_grow_up_to_a_limit(clock: Clock, tmp_path: Path) -> None:
    """Twice as long each time; an answer makes them short again."""
    gate = CredentialGate(30.0, tmp_path / "credentials")
    gate.check()
    pauses = []
    for _ in range(5):
        gate.refused(CredentialsRefused.told("no"))
        start = clock.now
        while shut(gate):
            clock.now += 1.0
        pauses.append(clock.now - start)
    assert pauses == [5.0, 10.0, 20.0, 30.0, 30.0]
    gate.opened()
    gate.refused(CredentialsRefused.told("no"))
    clock.now += 5.0
    gate.check()


def test_new_credentials_are_tried_at_once(clock: Clock, tmp_path: Path) -> None:
    """A file that comes, changes or goes opens it; one that stays doesn't."""
    file = tmp_path / "credentials"
    gate = CredentialGate(3600.0, file)
    gate.refused(CredentialsRefused.told("no"))
    assert shut(gate)
    file.write_text("[mlflow]\n")
    gate.check()
    gate.refused(CredentialsRefused.told("no"))
    assert shut(gate)
    os.utime(file, ns=(1, 1))
    gate.check()
    gate.refused(CredentialsRefused.told("no"))
    file.unlink()
    gate.check()
