"""The chart of a run's metrics under the cell that logs them: live, then a display that stays.

The points are read from the records that are written anyway, by the thread that writes them: `log`
doesn't know of it. A cell that logs one value of each metric shows none.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jupyter_mlops.magics.chart import bundle, html
from jupyter_mlops.magics.chart_series import Points

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from jupyter_mlops.magics.run import Run

#: Set to `off`, nothing is drawn.
NO_CHART = "JUPYTER_MLOPS_CHART"
#: Seconds between two drawings.
REDRAW = 0.25
_WIDGET = "application/vnd.jupyter.widget-view+json"


class LiveChart:
    """Of one run; each cell that logs has one."""

    def __init__(self, run: Run, shell: InteractiveShell) -> None:
        self._run = run
        self._shell = shell
        self._points = Points()
        # The writing thread draws, the person's ends a cell.
        self._lock = threading.RLock()
        self._new = False
        self._drawn = 0.0
        self._cell = 0
        self._id = ""
        self._box: Any = None
        #: Whether the front end can draw again and again; not known before it is asked for.
        self._live: bool | None = None
        self._broken = False

    def read(self, records: list[dict[str, Any]]) -> None:
        """These were written."""
        with self._lock:
            for record in records:
                if record["type"] == "points":
                    self._points.add(record["points"])
                    self._new = True

    def draw(self) -> None:
        """Show what is new, unless that was just done."""
        now = time.monotonic()
        if self._new and now - self._drawn >= REDRAW:
            with self._lock:
                self._drawn = now
                if self._new:  # the cell may just have ended
                    self._carefully(self._draw)

    def end_cell(self) -> None:
        """The cell ends: leave what needs no kernel."""
        with self._lock:
            self._carefully(self._leave)
            self._box, self._id, self._new = None, "", False

    def _draw(self) -> None:
        if self._live is None:
            self._live = _can_be_live(self._shell)
        if not self._live or not self._points.panels:
            return
        self._new = False
        said = html(self._points, self._run.name, live=True)
        if self._box is not None:
            self._box.value = said
        else:
            self._begin(said)

    def _leave(self) -> None:
        if self._points.panels and (self._new or self._id):
            self._publish(bundle(self._points, self._run.name), update=bool(self._id))
        if self._box is not None:
            for model in (self._box, self._box.layout, self._box.style):
                model.close()

    def _carefully(self, show: Callable[[], None]) -> None:
        """Whatever the front end or ipywidgets makes of it: logging goes on."""
        if self._broken:
            return
        try:
            show()
        except Exception as error:  # noqa: BLE001 - see above
            self._broken = True
            sys.stderr.write(
                f"mlops: the chart can't be drawn: {type(error).__name__}: {error}. "
                "What is logged is recorded.\n"
            )

    def _begin(self, said: str) -> None:
        import ipywidgets

        self._box = ipywidgets.HTML(value=said, layout={"width": "100%"})
        self._cell += 1
        self._id = f"mlops-chart-{self._run.id}-{self._cell}"
        shown = bundle(self._points, self._run.name)
        shown[_WIDGET] = self._box._repr_mimebundle_()[_WIDGET]
        self._publish(shown, update=False)

    def _publish(self, data: dict[str, Any], *, update: bool) -> None:
        transient = {"display_id": self._id} if self._id else {}
        self._shell.display_pub.publish(data=data, metadata={}, transient=transient, update=update)


def chart_for(run: Run, shell: InteractiveShell | None) -> LiveChart | None:
    """The run's chart, where there is somebody to see it."""
    if shell is None or os.environ.get(NO_CHART, "").lower() in ("off", "0", "false"):
        return None
    return LiveChart(run, shell)


def _can_be_live(shell: InteractiveShell) -> bool:
    """Whether the front end can draw again and again."""
    if getattr(getattr(shell, "kernel", None), "comm_manager", None) is None:
        return False
    try:
        import ipywidgets  # noqa: F401 - whether it can be
    except ImportError:
        return False
    return True
