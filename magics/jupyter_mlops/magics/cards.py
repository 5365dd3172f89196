"""Ways to show a job while it goes on and when it has ended."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

from jupyter_mlops.cli import render
from jupyter_mlops.cli.progress import Painter, View, painter
from jupyter_mlops.magics.page import TERMINAL_STATES, bundle, html

if TYPE_CHECKING:
    from jupyter_mlops.cli.console import Console
    from jupyter_mlops.client import Client
    from jupyter_mlops.magics.session import Session

#: Seconds between two drawings, and between two looks at whether there is something to draw.
REDRAW = 0.25
_JSON = "application/vnd.jupyter.widget-view+json"


class Card(Protocol):
    """One job as the person sees it."""

    def show(self, view: View, /) -> None:
        """Put it there; once more after the outputs around it were cleared."""

    def update(self, view: View, event: dict[str, Any] | None, /) -> None:
        """After an event (None: only time has passed)."""

    def aside(self) -> None:
        """Make room: something else is printed next."""

    def end(self, view: View, /) -> None:
        """It has ended; what is left is readable without a kernel."""

    @property
    def outlives(self) -> bool:
        """Whether it can go on when the cell is done."""


class Nothing:
    """Shows nothing."""

    outlives = False

    def show(self, view: View) -> None:
        """Nothing."""

    def update(self, view: View, event: dict[str, Any] | None) -> None:
        """Nothing."""

    def aside(self) -> None:
        """Nothing."""

    def end(self, view: View) -> None:
        """Nothing."""


class Lines:
    """Text, as the command line shows it."""

    outlives = False

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console = console
        self._painter: Painter = painter(console, quiet=quiet)

    def show(self, view: View) -> None:
        """The first line."""
        self._painter.update(view, None)

    def update(self, view: View, event: dict[str, Any] | None) -> None:
        """What is new."""
        self._painter.update(view, event)

    def aside(self) -> None:
        """Take the live line away."""
        self._painter.end()

    def end(self, view: View) -> None:
        """How it ended, and what to type next."""
        self._painter.end()
        render.ending(self._console, view.job)


class Display:
    """A display of the notebook, updated in place."""

    outlives = True

    def __init__(self, session: Session, *, quiet: bool = False) -> None:
        self._publish = session.shell.display_pub.publish
        self._quiet = quiet
        self._id = ""
        self._drawn = 0.0
        # A background thread may show the end while the cell itself does.
        self._lock = threading.RLock()

    def show(self, view: View) -> None:
        """Put it there."""
        with self._lock:
            self._id = f"mlops-{view.job['id']}-{id(self):x}"
            if not self._quiet:
                self._send(self.content(view), update=False)

    def update(self, view: View, _event: dict[str, Any] | None) -> None:
        """Redraw, unless it was just done."""
        now = time.monotonic()
        if self._quiet or now - self._drawn < REDRAW:
            return
        self._drawn = now
        self.draw(view)

    def aside(self) -> None:
        """Displays don't get in each other's way."""

    def end(self, view: View) -> None:
        """Leave what needs no kernel."""
        with self._lock:
            self._send(bundle(view), update=not self._quiet)

    def content(self, view: View) -> dict[str, Any]:
        """What is displayed while it goes on."""
        return bundle(view)

    def draw(self, view: View) -> None:
        """Show it as it is now."""
        with self._lock:
            self._send(self.content(view), update=True)

    def _send(self, data: dict[str, Any], *, update: bool) -> None:
        self._publish(data=data, metadata={}, transient={"display_id": self._id}, update=update)


class Widget(Display):
    """A live widget with a Cancel button; at the end a plain display again.

    While a cell waits for the job, the kernel handles no click: interrupting the cell lets it go,
    and the button works. (Our own front end's works at any time; it doesn't ask the kernel.)
    """

    def __init__(self, session: Session, client: Client) -> None:
        super().__init__(session)
        self._client = client
        self._view: View | None = None
        self._box: Any = None
        self._html: Any = None
        self._button: Any = None

    def content(self, view: View) -> dict[str, Any]:
        """The widget, and what stands in for it."""
        self._build(view)
        found = bundle(view)
        found[_JSON] = self._box._repr_mimebundle_()[_JSON]
        return found

    def draw(self, view: View) -> None:
        """The widget's own text changes; the display stays."""
        with self._lock:
            if self._html is None:
                return
            self._html.value = html(view)
            cancelling = bool(view.job.get("cancelling"))
            if self._button.disabled != cancelling:
                self._button.disabled = cancelling

    def end(self, view: View) -> None:
        """A display that needs no kernel, and nothing left of the widget."""
        with self._lock:
            super().end(view)
            if self._box is not None:
                for part in (self._button, self._html, self._box):
                    for model in (part, part.layout, getattr(part, "style", None)):
                        if model is not None:
                            model.close()
                self._box = self._html = self._button = None

    def _build(self, view: View) -> None:
        if self._box is not None:
            return
        import ipywidgets

        self._view = view
        self._html = ipywidgets.HTML(value=html(view), layout={"width": "100%"})
        self._button = ipywidgets.Button(
            description="Cancel",
            tooltip="Cancel the job. While a cell waits for it, interrupt that cell first.",
            layout={"width": "auto"},
        )
        self._button.on_click(self._clicked)
        self._box = ipywidgets.VBox([self._html, self._button])

    def _clicked(self, _button: Any) -> None:
        # Not here: the kernel goes on with other things while the daemon answers.
        threading.Thread(target=self._cancel, name="mlops-cancel", daemon=True).start()

    def _cancel(self) -> None:
        from jupyter_mlops.errors import MlopsError
        from jupyter_mlops.magics.told import lines_of

        view = self._view
        assert view is not None  # the button is made with it
        try:
            job = self._client.cancel(view.job["id"])
        except MlopsError as error:
            view.last_output = " ".join(lines_of(error))
            self.draw(view)
            return
        if job["state"] not in TERMINAL_STATES:
            self.draw(View(job))


def card_for(session: Session, client: Client, console: Console, *, quiet: bool) -> Card:
    """What suits the front end, as far as the kernel can know."""
    if console.json:
        return Nothing()
    if session.kernel is None:
        return Lines(console, quiet=quiet)
    if not quiet and getattr(session.kernel, "comm_manager", None) is not None:
        try:
            import ipywidgets  # noqa: F401 - whether it can be, before anything is shown
        except ImportError:
            pass
        else:
            return Widget(session, client)
    return Display(session, quiet=quiet)
