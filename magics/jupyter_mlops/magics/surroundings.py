"""What a run of this session has besides what is logged: facts of the kernel, what it prints, and a
chart of its metrics.

The daemon makes the run's `mlops/facts.json` of the former (`tracking/session_facts.py`), and adds
what only it has time for: git, packages, hashes, the machine, the load of the processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jupyter_mlops.magics.facts import watch_session
from jupyter_mlops.magics.live_chart import chart_for
from jupyter_mlops.magics.run_output import RunOutput

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from jupyter_mlops.magics.run import Run

#: As the daemon looks for them in the run's directory.
FACTS, OUTPUT = "facts.json", "output.txt"


def attend(
    run: Run, shell: InteractiveShell | None, wanted: Mapping[str, Any], *, chart: bool
) -> None:
    """Have a run of its own recorded with its surroundings, and drawn, until it ends.

    Args:
        run: it has just begun.
        shell: IPython's; None outside of it.
        wanted: the operator's settings `attempts.facts`.
        chart: draw its metrics below the cells that log them.
    """
    watch = watch_session(shell)
    facts = run.directory / FACTS
    watch.begin_run(facts, wanted)
    # A run within this one has had the watch for itself.
    run.at_return(lambda: watch.begin_run(facts, wanted))
    output = RunOutput(run.directory / OUTPUT)
    output.open()
    run.beside(output.flush)

    drawn = chart_for(run, shell) if chart else None
    if drawn is not None:
        run.read(drawn.read)
        run.beside(drawn.draw)
        run.at_cell_end(drawn.end_cell)

    def leave() -> None:
        run.end_cell()
        output.close()
        watch.end_run(facts, ok=not run.failure)

    run.at_end(leave)
