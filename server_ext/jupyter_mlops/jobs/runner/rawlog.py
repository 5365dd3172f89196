"""The kernel's own stdout and stderr: what no cell claims, a crash's last words above all."""

from __future__ import annotations

from pathlib import Path

from jupyter_mlops.jobs.runner.text import strip_controls

#: Of a longer raw log the end is looked at (bytes).
_MOST = 1 << 20
#: So much of it goes into a failure's message (characters).
_TAIL = 2000
#: How `faulthandler` begins.
_CRASH = "Fatal Python error"


class RawLog:
    """The file that the guard, or the warm parent, lets the kernel write to."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def tail(self) -> str:
        """The last lines, for a message; of a crash, where it begins."""
        lines = self._lines()
        for place, line in enumerate(lines):
            if line.startswith(_CRASH):
                return "\n".join(lines[place:])[:_TAIL]
        return "\n".join(lines)[-_TAIL:]

    def unclaimed(self, log: Path) -> list[str]:
        """Lines that `log` doesn't have already.

        Kernels that capture what is written to their descriptors may echo it here as well.
        """
        lines = self._lines()
        missing = set(lines)
        if not missing:
            return []
        with open(log, encoding="utf-8", errors="replace") as file:
            for line in file:
                missing.discard(line.rstrip())
                if not missing:
                    return []
        return [line for line in lines if line in missing]

    def _lines(self) -> list[str]:
        try:
            with open(self.path, "rb") as file:
                file.seek(0, 2)
                file.seek(max(0, file.tell() - _MOST))
                data = file.read()
        except OSError:
            return []  # the kernel never came so far
        text = strip_controls(data.decode("utf-8", "replace"))
        return [line for line in map(str.rstrip, text.split("\n")) if line]
