"""Whether a cell's error is nothing but a `%mlops` line that was refused.

Such a cell has an error, and the cells after it don't run. But nothing of the person's own code has
failed, so a run that is open goes on as it was: a typo in a tag is no failed training. Where the
line has kept code of its cell from running, the cell has failed like any other.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.magics.told import CellFailed, JobFailed

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def only_refused(shell: InteractiveShell, result: Any) -> bool:
    """Whether a line was refused, and no other code came after it in the cell.

    `result`: IPython's, of a cell that raised.
    """
    error = result.error_in_exec
    refused = isinstance(error, MlopsError) and hasattr(error, "_render_traceback_")
    if not refused or isinstance(error, (CellFailed, JobFailed)):
        return False
    line = _line_of(error)
    source = getattr(result.info, "raw_cell", None)
    if line is None or not isinstance(source, str):
        return False
    try:
        statements = ast.parse(shell.transform_cell(source)).body
    except SyntaxError:
        return False
    left = [one for one in statements if (one.end_lineno or one.lineno) >= line]
    return bool(left) and all(map(_is_ours, left))


def _line_of(error: BaseException) -> int | None:
    """Line of the cell in which it was raised; None where that was in a function of the cell's."""
    trace = error.__traceback__
    found: int | None = None
    while trace is not None:
        code = trace.tb_frame.f_code
        if trace.tb_frame.f_globals.get("__name__") == "__main__":
            if code.co_name != "<module>":
                return None
            found = trace.tb_lineno
        trace = trace.tb_next
    return found


def _is_ours(statement: ast.stmt) -> bool:
    """Whether it is a `%mlops` or `%%mlops`, and nothing around it."""
    match statement:
        case ast.Expr(
            value=ast.Call(
                func=ast.Attribute(attr="run_line_magic" | "run_cell_magic"),
                args=[ast.Constant(value="mlops"), *_],
            )
        ):
            return True
    return False
