"""The processes that speak to a tracking server through MLflow's client: one JSON line a request.

→ `{"op": …, …}`
← `{"found": …}` or `{"error": {problem document}}`

Processes of their own: importing mlflow takes seconds, and a server that never answers may hold up
nobody else. The daemon's side is `RemoteProcess`; the other side is `serve`, with the requests of
`remote_worker` (runs of jobs), `remote_log_worker` (what kernels log) and `remote_read_worker`
(what people look at). Each is a process of its own: who looks holds up nobody who records.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from jupyter_mlops.errors import InvalidInput, MlopsError, NotFound
from jupyter_mlops.tracking.credential_gate import CredentialGate
from jupyter_mlops.tracking.tracking_server import (
    URI_VARIABLE,
    CredentialsRefused,
    PermissionMissing,
    TrackingUnreachable,
    redacted,
)
from jupyter_mlops.tracking.worker_process import WorkerProcess

if TYPE_CHECKING:
    from mlflow import MlflowClient

T = TypeVar("T")

#: Seconds after which an unused process ends.
_IDLE = 600.0
#: Seconds that MLflow's client waits for an answer: of those who work, and of those who look.
WORKING, LOOKING = 10, 20
#: Of a message that tells that there is no such thing.
_OF_EXPERIMENT = re.compile(r"\bexperiment with (id|name)\b", re.IGNORECASE)
#: Most of each that MLflow takes at once.
POINTS, NAMED = 1000, 100


class RemoteProcess:
    """`python -m jupyter_mlops.tracking.<module>`; one request at a time. Belongs to one event
    loop.
    """

    def __init__(
        self, module: str, uri: str, inherited: Mapping[str, str], refused: float = 3600.0
    ) -> None:
        """Nothing is started yet.

        Args:
            module: its name.
            uri: the tracking server's.
            inherited: the environment of the process, credentials included.
            refused: the longest, in seconds, that a refusal of the credentials holds.
        """
        self._gate = CredentialGate(refused)
        self._worker = WorkerProcess(
            f"jupyter_mlops.tracking.{module}",
            environment={**inherited, URI_VARIABLE: uri},
            idle=_IDLE,
        )

    async def ask(self, op: str, patience: float, **given: Any) -> Any:
        """What is found.

        Raises:
            MlopsError: the server's refusal, or that it, or the process, doesn't answer.
        """
        self._gate.check()
        answer = await self._worker.ask({"op": op, **given}, patience)
        if "error" not in answer:
            self._gate.opened()
            return answer["found"]
        error = MlopsError.from_problem(answer["error"], int(answer["error"]["status"]))
        if isinstance(error, CredentialsRefused):
            self._gate.refused(error)
        raise error

    async def stop(self) -> None:
        """End the process."""
        await self._worker.stop()


class Answering(Protocol):
    """What one of the processes does."""

    def answer(self, request: Mapping[str, Any]) -> Any:
        """What is found for one request. Raises whatever MLflow's client raises."""


def serve(make: Callable[[MlflowClient], Answering], patience: int) -> int:
    """Answer requests until there are no more; the exit code.

    Args:
        make: what answers, made when the first request comes.
        patience: seconds that MLflow's client waits for an answer, unless the environment says.
    """
    os.umask(0o077)
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(patience))
    # The daemon tries again, and later; so does whoever looks.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "1")
    # Its own messages must not get between our lines, nor its bars into anybody's log.
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    lines, sys.stdout = sys.stdout, sys.stderr
    uri = os.environ[URI_VARIABLE]
    answering: Answering | None = None
    for line in sys.stdin:
        answer: dict[str, Any]
        try:
            if answering is None:
                from mlflow import MlflowClient

                answering = make(MlflowClient(uri))
            answer = {"found": answering.answer(json.loads(line))}
        except Exception as error:  # noqa: BLE001 - MLflow's, requests', a database driver's
            answer = {"error": problem(error, os.environ).to_problem()}
        lines.write(json.dumps(answer) + "\n")
        lines.flush()
    return 0


def problem(error: Exception, environment: Mapping[str, str]) -> MlopsError:
    """What a person is told of whatever MLflow's client raised; no credentials."""
    if isinstance(error, MlopsError):
        return error
    said = redacted(" ".join(str(error).split())[:300], environment)
    match getattr(error, "error_code", None) or _status(error):
        case "UNAUTHENTICATED" | "CUSTOMER_UNAUTHORIZED" | 401:
            return CredentialsRefused.told(said)
        case "PERMISSION_DENIED" | 403:
            return PermissionMissing.told(said)
        case "RESOURCE_DOES_NOT_EXIST":
            what = "experiment" if _OF_EXPERIMENT.search(said) else "run"
            return NotFound(f"The tracking server says: {said}", code=f"{what}_not_found")
        case "INVALID_PARAMETER_VALUE" | "BAD_REQUEST":
            return InvalidInput(f"The tracking server says: {said}")
    return TrackingUnreachable(
        f"The tracking server did not answer: {said or type(error).__name__}.",
        hint="Check the server and MLFLOW_TRACKING_URI.",
    )


def batches(items: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    """`items` in pieces that MLflow takes."""
    for start in range(0, len(items), most):
        yield items[start : start + most]


def _status(error: Exception) -> int | None:
    """The HTTP status of an error of `requests`, by which artifacts are refused."""
    found: object = getattr(getattr(error, "response", None), "status_code", None)
    return found if isinstance(found, int) else None
