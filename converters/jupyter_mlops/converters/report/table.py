"""Tables of what runs have: differences first. HTML without styles, which every reader of notebooks
keeps, and text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from jupyter_mlops.converters.report.model import ReportRun, Value
from jupyter_mlops.converters.report.wording import number, one_line

#: Rows of a table; and how long a column of text is.
ROWS_MOST, _WIDTH_MOST = 200, 28
_ID_SHOWN = 8


class Table:
    """One row a name, one column a run; rows where runs differ stand first."""

    def __init__(self, runs: Sequence[ReportRun], values: Sequence[Mapping[str, Value]]) -> None:
        """`values` of each run, by name."""
        self._runs = runs
        names = sorted({name for one in values for name in one})
        listed = [(name, [one.get(name) for one in values]) for name in names]
        self._differing = [one for one in listed if any(v != one[1][0] for v in one[1])]
        self._equal = [one for one in listed if all(v == one[1][0] for v in one[1])]

    @property
    def left_out(self) -> int:
        """Rows that are not shown."""
        return max(0, len(self._differing) + len(self._equal) - ROWS_MOST)

    @property
    def empty(self) -> bool:
        """Whether no run has anything."""
        return not (self._differing or self._equal)

    def html(self) -> str:
        """The table; two groups, unless there is one only."""
        heads = "".join(
            f"<th>{escape(one_line(run.name, 60))}<br>"
            f"<code>{escape(run.id[:_ID_SHOWN])}</code></th>"
            for run in self._runs
        )
        rows = [f"<table><thead><tr><th></th>{heads}</tr></thead><tbody>"]
        for said, some in self._groups():
            if said:
                beside = f'<td colspan="{len(self._runs)}"></td>'
                rows.append(f"<tr><th><em>{said}</em></th>{beside}</tr>")
            rows += [
                f"<tr><th>{escape(one_line(name))}</th>"
                + "".join(f"<td>{escape(number(value))}</td>" for value in values)
                + "</tr>"
                for name, values in some
            ]
        return "".join(rows) + "</tbody></table>"

    def text(self) -> str:
        """The table in columns."""
        rows = [["", *(one_line(run.name, _WIDTH_MOST) for run in self._runs)]]
        rows.append(["", *(run.id[:_ID_SHOWN] for run in self._runs)])
        for said, some in self._groups():
            if said:
                rows.append([f"{said}:", *("" for _ in self._runs)])
            for name, values in some:
                cells = [one_line(number(value), _WIDTH_MOST) for value in values]
                rows.append([f"  {one_line(name, _WIDTH_MOST)}", *cells])
        widths = [max(len(row[n]) for row in rows) for n in range(len(self._runs) + 1)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )

    def _groups(self) -> list[tuple[str, list[tuple[str, list[Value]]]]]:
        differing = self._differing[:ROWS_MOST]
        equal = self._equal[: ROWS_MOST - len(differing)]
        if len(self._runs) == 1:
            return [("", equal)]
        found = [("Different", differing)] if differing else []
        return [*found, ("The same in all", equal)] if equal else found
