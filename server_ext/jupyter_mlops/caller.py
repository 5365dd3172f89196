"""Requests to the daemon: kept connections, starting and replacing it, errors as our own.

Standard library only: the kernel and the command line load this module.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, cast

from jupyter_mlops import paths
from jupyter_mlops.errors import DaemonUnreachable, MlopsError
from jupyter_mlops.starting import (
    START_TIMEOUT,
    daemon_pid,
    lock_held,
    older,
    running_version,
    start_daemon,
    trusted_socket,
)
from jupyter_mlops.transport import BrokenOff, Connection, Response, Unanswered

Json = dict[str, Any]
Query = Mapping[str, Any]

_API = "/api/v1"
#: How often a request is sent again when the daemon went away before it answered.
_TRIES = 3
_NOBODY = (FileNotFoundError, ConnectionRefusedError)
#: Seconds that a read of what may say nothing for hours waits at a time: a Ctrl-C that comes just
#: before a wait begins isn't seen before it ends (Python runs handlers between instructions).
_TICK = 1.0
_HINT = "`jupyter mlops daemon restart` starts it anew; running jobs go on."


class Caller:
    """Sends requests to one person's daemon. May be used by several threads."""

    def __init__(self, *, start: bool = True, timeout: float = 60.0) -> None:
        """A client; nothing is sent yet.

        Args:
            start: start the daemon when nobody listens, and replace one of an older version.
            timeout: seconds to wait for an answer (not for the lines of a stream).
        """
        self.timeout = timeout
        self._start = start
        self._idle: list[Connection] = []
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._version_checked = False

    def listening(self) -> bool:
        """Whether a daemon accepts connections; nothing is started.

        Raises:
            Refused: the socket's directory isn't ours alone.
        """
        try:
            Connection(trusted_socket(), self.timeout).close()
        except OSError:
            return False
        return True

    def ensure_daemon(self, timeout: float = START_TIMEOUT) -> None:
        """Return when a daemon of at least our version listens, starting it if need be.

        Raises:
            DaemonUnreachable: it can't be started; the detail has the end of its log.
        """
        if not self.listening():
            start_daemon(self.listening, timeout)
        elif not self._version_checked:
            self._check_version()

    def replace_daemon(self, timeout: float = START_TIMEOUT) -> None:
        """Stop the daemon that listens and start one of our version; jobs go on.

        Raises:
            DaemonUnreachable: the old one doesn't leave, or the new one doesn't start.
        """
        self.stop_daemon(timeout)
        start_daemon(self.listening, timeout)

    def stop_daemon(self, timeout: float = START_TIMEOUT) -> bool:
        """Stop the daemon and return when it has let go of its files; False when none listened.

        Raises:
            DaemonUnreachable: it doesn't leave within `timeout` seconds.
        """
        asking = Caller(start=False, timeout=timeout)
        if not asking.listening():
            return False
        before = daemon_pid()
        try:
            asking._json("POST", "/shutdown", repeat=False)
        except DaemonUnreachable:
            # Gone between the two, or too stuck to answer: which of them shows below.
            pass
        finally:
            asking.close()
        self.close()
        deadline = time.monotonic() + timeout
        # It closes its store after it has stopped to listen: only then the directory can be copied.
        while self.listening() or lock_held():
            if before is not None and daemon_pid() not in (None, before):
                return True  # somebody else has started the next one already
            if time.monotonic() >= deadline:
                raise DaemonUnreachable(
                    f"The daemon (process {before}) doesn't stop within {timeout:.0f} s.",
                    hint=f"End it by `kill -KILL {before}`; running jobs go on.",
                )
            time.sleep(0.02)
        return True

    def request(
        self,
        method: str,
        target: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        repeat: bool = True,
    ) -> Response:
        """Send any request (`target` from the root, with its query) and return the answer's head.

        Read its body to the end, or close its connection. With `repeat` it is sent again when the
        daemon went away before it answered.

        Raises:
            DaemonUnreachable: nobody answers.
        """
        if self._start and not self._version_checked:
            self._check_version()
        timeout = timeout or self.timeout
        for tries_left in reversed(range(_TRIES)):
            try:
                connection = self._connection()
            except _NOBODY as error:
                if not self._start:
                    raise DaemonUnreachable(
                        "The daemon isn't running.", hint="`jupyter mlops daemon start` starts it."
                    ) from error
                self.ensure_daemon()
                continue
            except OSError as error:
                raise DaemonUnreachable(
                    f"The daemon can't be reached at {paths.daemon_socket()}: {error.strerror}.",
                    hint=_HINT,
                ) from error
            try:
                return connection.ask(method, target, dict(headers or {}), body, timeout)
            except Unanswered as error:
                connection.close()
                if not (repeat and tries_left):
                    raise DaemonUnreachable(
                        "The daemon went away before it answered.", hint=_HINT
                    ) from error
            except (BrokenOff, OSError) as error:
                connection.close()
                raise self._silent(error, timeout) from error
            except BaseException:
                connection.close()
                raise
        raise DaemonUnreachable("The daemon goes away as soon as it is started.", hint=_HINT)

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _check_version(self) -> None:
        self._version_checked = True
        if older(running_version()) and self.listening():
            self.replace_daemon()

    def _connection(self) -> Connection:
        with self._lock:
            if self._pid != os.getpid():
                # A forked process must not speak on its parent's connections.
                self._pid, self._idle = os.getpid(), []
            while self._idle:
                connection = self._idle.pop()
                if not connection.stale():
                    return connection
                connection.close()
        return Connection(trusted_socket(), self.timeout)

    def _release(self, response: Response) -> None:
        if not response.reusable:
            response.connection.close()
            return
        with self._lock:
            self._idle.append(response.connection)

    def _silent(self, error: Exception, timeout: float | None = None) -> DaemonUnreachable:
        if isinstance(error, TimeoutError):
            detail = f"The daemon didn't answer within {timeout or self.timeout:.0f} s."
        else:
            detail = f"The daemon's answer broke off: {error}."
        return DaemonUnreachable(detail, hint=_HINT)

    def _finish(self, response: Response, timeout: float | None = None) -> bytes:
        try:
            data = response.read(timeout or self.timeout)
        except OSError as error:
            response.connection.close()
            raise self._silent(error, timeout) from error
        except BaseException:
            response.connection.close()
            raise
        self._release(response)
        return data

    def _answer(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Json | None = None,
        headers: Mapping[str, str] | None = None,
        repeat: bool = True,
        timeout: float | None = None,
    ) -> Response:
        sent = dict(headers or {})
        data = None
        if body is not None:
            data = json.dumps(body, separators=(",", ":")).encode()
            sent["Content-Type"] = "application/json"
        elif method == "POST":
            data = b""
        response = self.request(
            method, _target(path, query), body=data, headers=sent, repeat=repeat, timeout=timeout
        )
        if response.status >= 400:
            raise _problem(response.status, self._finish(response, timeout))
        return response

    def _json(self, method: str, path: str, **options: Any) -> Json:
        data = self._finish(self._answer(method, path, **options))
        if not data:
            return {}
        try:
            return cast("Json", json.loads(data))
        except ValueError as error:
            raise DaemonUnreachable(
                "The daemon's answer isn't JSON: is another program at its socket?", hint=_HINT
            ) from error

    def _stream(self, path: str, query: Query, *, follow: bool) -> Iterator[bytes]:
        tick = _TICK if follow else self.timeout
        response = self._answer("GET", path, query=query)
        try:
            for piece in response.pieces(tick):
                if piece:
                    yield piece
                elif not follow:
                    raise self._silent(TimeoutError())
        finally:
            self._release(response)

    def _lines(self, path: str, query: Query, tick: float | None) -> Iterator[Json | None]:
        response = self._answer("GET", path, query=query)
        try:
            for line in response.lines(_TICK if tick is None else tick):
                if line:
                    yield _event(line)
                elif tick is not None:
                    yield None
        finally:
            self._release(response)


def _target(path: str, query: Query | None) -> str:
    pairs: list[tuple[str, str]] = []
    for name, value in (query or {}).items():
        if value is None:
            continue
        values = value if isinstance(value, (tuple, list)) else (value,)
        pairs += [(name, str(v).lower() if isinstance(v, bool) else str(v)) for v in values]
    if not pairs:
        return _API + path
    from urllib.parse import urlencode

    return f"{_API}{path}?{urlencode(pairs)}"


def _event(line: bytes) -> Json:
    try:
        event = json.loads(line)
    except ValueError:
        event = None
    if not isinstance(event, dict):
        raise BrokenOff("a line of the stream isn't a JSON object")
    return event


def _problem(status: int, data: bytes) -> MlopsError:
    try:
        document = json.loads(data)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        said = data[:200].decode(errors="replace")
        document = {"detail": f"The daemon answered {status}: {said}"}
    return MlopsError.from_problem(document, status)
