"""`reproduce` of the magics: the command line's, and the cell fails unless it is reproduced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlops.cli import reproduce as command
from jupyter_mlops.cli.run import EXIT_DETACHED
from jupyter_mlops.magics.told import Detached, JobFailed

if TYPE_CHECKING:
    from jupyter_mlops.cli.console import Console
    from jupyter_mlops.cli.options import Given
    from jupyter_mlops.magics.session import Session

_SAID = {
    "cancelled": "It was cancelled.",
    "differs": "It differs from the first run.",
    "cannot": "It can't be reproduced.",
}


def reproduce(_session: Session, given: Given, console: Console, _cell: str | None) -> None:
    """Reproduce a run and follow that.

    Raises:
        JobFailed: it wasn't reproduced.
        Detached: the person interrupted it; it goes on.
    """
    status = command.reproduce(given, console)
    if status == EXIT_DETACHED:
        raise Detached("It goes on.")
    if status and not given.flag("check"):
        outcome = next(o for o, code in command.EXIT_OF_OUTCOME.items() if code == status)
        raise JobFailed(_SAID[outcome], code=outcome)
