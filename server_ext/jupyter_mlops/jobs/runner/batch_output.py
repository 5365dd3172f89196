"""How a batch kernel's output gets out: nothing is dropped, nothing waits where it need not.

For `batch_kernel`, which loads it by its path: standard library and ipykernel (6.x or 7.x) only.
"""

from __future__ import annotations

import codecs
import functools
import os
import select
import sys
import threading
from collections.abc import Callable
from typing import Any

_READ_SIZE = 65_536
#: Characters that are printed before they are sent without waiting for the interval.
_MESSAGE_SIZE = 1 << 20


class Stream:
    """Mixed into `OutStream`: a flush includes what went to the file descriptor."""

    #: Whether the person's code is running: what it flushes has left when `flush` returns.
    in_a_cell = False

    _fid: int | None
    _should_watch: bool
    _buffers: Any
    _is_master_process: Any
    _sending = False
    _gathered = 0
    _ticking = False
    _written = False
    pub_thread: Any
    flush_interval: float

    def __init__(self, *args: Any, **given: Any) -> None:
        """As always."""
        self._flushing = threading.RLock()
        super().__init__(*args, **given)

    def _setup_stream_redirects(self, name: str) -> None:
        self._raw_lock = threading.RLock()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        usual: Any = super()
        usual._setup_stream_redirects(name)  # noqa: SLF001 - our own base's
        if self._fid is not None:
            os.set_blocking(self._fid, False)

    def _watch_pipe_fd(self) -> None:
        if self._fid is None:
            return
        waiting = select.poll()
        waiting.register(self._fid, select.POLLIN)
        while self._should_watch:
            waiting.poll()
            self._drain(self._fid)

    def _drain(self, descriptor: int) -> None:
        """Take over what is in the pipe now."""
        with self._raw_lock:
            while self._should_watch:
                try:
                    chunk = os.read(descriptor, _READ_SIZE)
                except BlockingIOError:
                    return
                except OSError:
                    self._should_watch = False
                    return
                if text := self._decoder.decode(chunk):
                    self._write(text)
                if len(chunk) < _READ_SIZE:
                    return

    def write(self, string: Any) -> int | None:
        """As always, but never more than can be read, and after what went to the descriptor."""
        if (
            self._should_watch
            and self._fid is not None
            and threading.current_thread() is threading.main_thread()
            and self._is_master_process()
        ):
            self._drain(self._fid)
        return self._write(string)

    def _write(self, string: Any) -> int | None:
        if isinstance(string, str) and not string.isascii():  # others are refused below
            string = _text(string)
        usual: Any = super()
        written: int | None = usual.write(string)
        self._gathered += written or 0
        if self._gathered > _MESSAGE_SIZE:
            # Who prints faster than can be read waits, instead of filling the memory.
            self.flush()
        return written

    def _flush(self) -> None:
        # One thread at a time: what another has taken must be in the publishing thread's queue
        # before this one's caller puts "idle" there.
        with self._flushing:
            self._gathered = 0
            self._sending = True
            usual: Any = super()
            try:
                usual._flush()  # noqa: SLF001 - our own base's
            finally:
                self._sending = False

    def flush(self) -> None:
        """Send what was written, here and to the descriptor."""
        if self._is_master_process():
            if self._should_watch and self._fid is not None:
                self._drain(self._fid)
            # Flushed four times a cell, mostly for nothing: waiting for the publishing thread
            # each time was a third of a short cell's time.
            if not self._buffers and not self._sending:
                return
            if not self.in_a_cell and threading.current_thread() is threading.main_thread():
                # Between cells the order is enough, which the publishing thread keeps.
                self._flush()
                return
        usual: Any = super()
        usual.flush()

    def _schedule_flush(self) -> None:
        # As always within the interval, but for many short cells the publishing thread isn't
        # woken each time.
        self._written = True
        if not self._ticking:
            self._ticking = True
            self.pub_thread.schedule(self._tick_later)

    def _tick_later(self) -> None:
        self.pub_thread.io_loop.call_later(self.flush_interval, self._tick)

    def _tick(self) -> None:
        # In this order: whoever writes meanwhile is seen here, or begins anew.
        self._ticking = False
        if self._written:
            self._written, self._ticking = False, True
            self._tick_later()
            self._flush()


def publish_well() -> None:
    """Let the publishing thread wait for a slow reader, and be woken once for what has gathered."""
    import zmq
    from ipykernel.iostream import IOPubThread

    usual: Any = IOPubThread.__init__

    @functools.wraps(usual)
    def wait_instead(self: Any, socket: Any, *args: Any, **kwargs: Any) -> None:
        if isinstance(socket, zmq.Socket) and socket.getsockopt(zmq.TYPE) in (zmq.PUB, zmq.XPUB):
            socket.setsockopt(zmq.XPUB_NODROP, 1)
        usual(self, socket, *args, **kwargs)

    IOPubThread.__init__ = wait_instead  # type: ignore[method-assign]
    IOPubThread._setup_event_pipe = lambda _: None  # type: ignore[method-assign]  # noqa: SLF001
    IOPubThread.schedule = _schedule  # type: ignore[method-assign]
    IOPubThread._handle_event = _handle_event  # type: ignore[method-assign]  # noqa: SLF001


def _schedule(self: Any, event: Callable[[], Any]) -> None:
    """As `IOPubThread.schedule`; the thread is woken unless it is about to look anyway."""
    if not self.thread.is_alive():
        event()
        return
    self._events.append(event)
    if not getattr(self, "_mlops_woken", False):
        self._mlops_woken = True
        try:
            # A socket of ZeroMQ's, as usual, costs both threads several times as much.
            self.io_loop.asyncio_loop.call_soon_threadsafe(self._handle_event, None)
        except RuntimeError:
            # Its loop has just closed: the process is at its end, and nobody listens any more.
            return


def _handle_event(self: Any, _message: Any) -> None:
    """As `IOPubThread._handle_event`: everything that waits, in its order."""
    # First: what is added from now on wakes the thread again.
    self._mlops_woken = False
    waiting = len(self._events)
    try:
        while waiting:
            waiting -= 1
            self._events.popleft()()
    finally:
        if waiting:  # one of them has failed
            _schedule(self, lambda: None)


def _text(string: str) -> str:
    """Lone surrogates can't be sent; a usual kernel loses the whole message."""
    try:
        string.encode()
    except UnicodeEncodeError:
        return string.encode("utf-8", "replace").decode()
    return string


def line_buffer_c_stdout() -> None:
    """C libraries see a pipe and would keep their prints until the end of the process."""
    try:
        import ctypes

        libc = ctypes.CDLL(None)
        stream = ctypes.c_void_p.in_dll(libc, "__stdoutp" if sys.platform == "darwin" else "stdout")
        line_buffered = 1  # _IOLBF, the same on Linux and macOS
        libc.setvbuf(stream, None, line_buffered, 0)
    except (ImportError, OSError, ValueError, AttributeError):
        return  # no libc that we know: C prints come when its buffer is full
