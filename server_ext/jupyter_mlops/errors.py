"""Every error that a person can meet, as one tree.

    MlopsError
    ├── InvalidInput            422  what was sent can't be used; `problems` names every place
    │   ├── NotebookInvalid     422  the notebook can't be read
    │   └── KernelUnknown       422  the notebook's kernelspec isn't installed
    ├── Refused                 403  not allowed: outside the root, another user, denied
    ├── NotFound                404  no such job, attempt or file
    ├── Conflict                409  the state doesn't allow it, or an idempotency key was reused
    ├── TooLarge                413  a body, notebook or value over its limit
    ├── Busy                    503  try again: the store is locked, the daemon is handing over
    ├── StoreFull               507  the disk that holds the store is full; nothing was acknowledged
    ├── StoreUnusable           500  the store is corrupt or too new; never replaced silently
    └── DaemonUnreachable       503  the daemon can't be started or doesn't answer

A message says what happened, a hint what to do next. `code` is stable: scripts may rely on it.
Only the standard library is imported here: the kernel and the command line load this module.
"""

from __future__ import annotations

from typing import Any, ClassVar

#: Places that the text of an error names; `problems` has all.
_PROBLEMS_SHOWN = 20


class MlopsError(Exception):
    """Something that a person can mend; shown without a traceback."""

    code: ClassVar[str] = "error"
    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1
    title: ClassVar[str] = "The request failed"

    def __init__(
        self,
        detail: str,
        *,
        hint: str = "",
        problems: list[dict[str, Any]] | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint
        #: one entry a place: ``{"where": "parameters.lr", "message": "…"}``
        self.problems = problems or []
        self.stable_code = code or type(self).code

    def __str__(self) -> str:
        """All of it, as a traceback or whoever prints the error shows it."""
        lines = [self.detail]
        for problem in self.problems[:_PROBLEMS_SHOWN]:
            where, message = str(problem.get("where", "")), str(problem.get("message", ""))
            if message and message not in self.detail:
                lines.append(f"  - {where}: {message}" if where else f"  - {message}")
        if (more := len(self.problems) - _PROBLEMS_SHOWN) > 0:
            lines.append(f"  - and {more} more")
        return "\n".join([*lines, f"  {self.hint}"] if self.hint else lines)

    def to_problem(self) -> dict[str, Any]:
        """The `application/problem+json` document (RFC 9457) of this error."""
        return {
            "type": f"urn:jupyter-mlops:error:{self.stable_code}",
            "title": self.title,
            "status": self.http_status,
            "code": self.stable_code,
            "detail": self.detail,
            "hint": self.hint,
            "problems": self.problems,
        }

    @staticmethod
    def from_problem(document: dict[str, Any], status: int) -> MlopsError:
        """The error that a problem document stands for; unknown codes fall back to the status."""
        code = str(document.get("code", ""))
        kinds = _tree(MlopsError)
        kind = next((k for k in kinds if k.code == code), None) or next(
            (k for k in kinds if k.http_status == status), MlopsError
        )
        return kind(
            str(document.get("detail") or document.get("title") or f"HTTP {status}"),
            hint=str(document.get("hint", "")),
            problems=list(document.get("problems") or []),
            code=code or None,
        )


def _tree(kind: type[MlopsError]) -> list[type[MlopsError]]:
    found = [kind]
    for child in kind.__subclasses__():
        found += _tree(child)
    return found


class InvalidInput(MlopsError):
    """What was sent can't be used; `problems` names every place."""

    code, http_status, exit_code, title = "invalid_input", 422, 2, "Invalid input"


class NotebookInvalid(InvalidInput):
    """The notebook can't be read; the detail names the place."""

    code, title = "notebook_invalid", "The notebook can't be read"


class KernelUnknown(InvalidInput):
    """The notebook's kernelspec isn't installed; the detail lists those that are."""

    code, title = "kernel_unknown", "Unknown kernel"


class Refused(MlopsError):
    """Not allowed."""

    code, http_status, exit_code, title = "refused", 403, 3, "Refused"


class NotFound(MlopsError):
    """No such thing."""

    code, http_status, exit_code, title = "not_found", 404, 4, "Not found"


class Conflict(MlopsError):
    """The present state doesn't allow it."""

    code, http_status, exit_code, title = "conflict", 409, 5, "Conflict"


class TooLarge(MlopsError):
    """Over a limit that the detail names."""

    code, http_status, exit_code, title = "too_large", 413, 2, "Too large"


class Busy(MlopsError):
    """Not now; trying again is safe."""

    code, http_status, exit_code, title = "busy", 503, 6, "Busy"


class StoreFull(MlopsError):
    """The disk that holds the store is full; nothing was acknowledged."""

    code, http_status, exit_code, title = "store_full", 507, 6, "The disk is full"


class StoreUnusable(MlopsError):
    """The store is corrupt or from a newer version; it is left untouched."""

    code, http_status, exit_code, title = "store_unusable", 500, 7, "The store can't be used"


class DaemonUnreachable(MlopsError):
    """The daemon can't be started or doesn't answer."""

    code, http_status, exit_code, title = "daemon_unreachable", 503, 6, "The daemon doesn't answer"
