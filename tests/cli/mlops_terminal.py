"""A command line on a real pseudo-terminal, and what a person would see on it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from typing import Self

_CSI = re.compile(r"\x1b\[([0-9;]*)([A-Za-z])")


class Terminal:
    """Runs a command with a pty as its stdin, stdout, stderr and controlling terminal."""

    def __init__(self, command: list[str], *, columns: int = 80, **env: str) -> None:
        self.sent = ""
        self.exit_code: int | None = None
        self._master, slave = pty.openpty()
        self.resize(columns)
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, **env},
            start_new_session=True,
            # Opening it again makes it the controlling terminal: then Ctrl-C is a signal.
            preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),  # noqa: PLW1509
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)

    def resize(self, columns: int) -> None:
        """Make the terminal that wide."""
        size = struct.pack("HHHH", 24, columns, 0, 0)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, size)

    def type(self, text: str) -> None:
        """What a person types."""
        os.write(self._master, text.encode())

    def interrupt(self) -> None:
        """SIGINT to the process alone, as `kill -INT` does."""
        self.process.send_signal(signal.SIGINT)

    def read_until(self, seen: Callable[[str], bool], within: float = 30) -> str:
        """All that was sent so far, once `seen` says so.

        Raises:
            AssertionError: it didn't within that many seconds, or the process ended before.
        """
        deadline = time.monotonic() + within
        while not seen(self.sent):
            assert time.monotonic() < deadline, f"not seen: {self.sent!r}"
            assert self._read(), f"it ended: {self.sent!r}"
        return self.sent

    def wait(self, within: float = 30) -> int:
        """Its exit code; everything that it sent is in `sent`."""
        deadline = time.monotonic() + within
        while self._read():
            assert time.monotonic() < deadline, f"it doesn't end: {self.sent!r}"
        self.exit_code = self.process.wait(within)
        return self.exit_code

    def _read(self) -> bool:
        """Whether it is still there."""
        if select.select([self._master], [], [], 0.2)[0]:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # Linux: the other side is closed
                return False
            self.sent += data.decode("utf-8", "replace")
            return bool(data)
        return self.process.poll() is None

    @property
    def frames(self) -> list[str]:
        """What the live line showed, one after another, without colours."""
        plain = _CSI.sub("", self.sent)
        return [frame for frame in re.split(r"\r(?!\n)", plain) if "\n" not in frame and frame]

    @property
    def screen(self) -> str:
        """What is left on the screen: carriage returns and "clear to the end" are obeyed."""
        lines: list[str] = []
        for line in self.sent.replace("\r\n", "\n").split("\n"):
            shown = ""
            for part in line.split("\r"):
                before, cleared, after = part.partition("\x1b[K")
                text = _CSI.sub("", before)
                shown = text + ("" if cleared else shown[len(text) :]) + _CSI.sub("", after)
            lines.append(shown.rstrip())
        return "\n".join(lines)
