"""What two runs were made of, and where that differs, as the API answers it.

`before` is the first run, `after` the second. Everything in it was written by somebody: it is text
to be shown, never markup.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from jupyter_mlops.jobs.model import Model

Change = Literal["added", "removed", "changed"]


class DiffLine(Model):
    """A line of one text or of both."""

    op: Literal["=", "-", "+"]
    pieces: list[str] = Field(
        description="The line's text; every second piece is what changed within it."
    )


class Hunk(Model):
    """Lines that differ, with some that don't around them."""

    before: int = Field(description="Number of its first line in the first text, from 1.")
    after: int
    lines: list[DiffLine]


class TextDiff(Model):
    """Two texts line by line."""

    hunks: list[Hunk]
    added: int = Field(description="Lines that only the second has.")
    removed: int = Field(description="Lines that only the first has.")
    before_lines: int = Field(description="Lines of the whole text.")
    after_lines: int
    cut: str = Field("", description="Why it isn't told line by line, or not to its end.")


class Shown(Model):
    """An output as one of the notebooks has it, to be rendered as untrusted."""

    media_type: str
    data: str = Field(description="As in the notebook: base64 of images, text of others.")


class OutputDiff(Model):
    """An output that isn't the same in both."""

    change: Change
    kind: str = Field(description="stdout, stderr, error, or a media type.")
    text: TextDiff | None = None
    before: Shown | None = None
    after: Shown | None = None
    note: str = Field("", description="What is left out, and why.")


class CellDiff(Model):
    """A cell that isn't the same in both; indexes count from 0."""

    change: Change
    kind: Literal["code", "markdown", "raw"]
    before: int | None = None
    after: int | None = None
    source: TextDiff | None = Field(None, description="Null when the source is the same.")
    outputs: list[OutputDiff] = Field(default_factory=list)
    metadata: TextDiff | None = None
    first_line: str = ""


class NotebookSide(Model):
    """One of the notebooks."""

    path: str = Field(description="Of the artifact.")
    cells: int
    executed: bool = Field(description="With outputs.")


class NotebookDiff(Model):
    """Where the notebooks of two runs differ, cell by cell."""

    before: NotebookSide | None = Field(description="Null when the run has no notebook.")
    after: NotebookSide | None
    cells: list[CellDiff]
    metadata: TextDiff | None = None
    equal: int = Field(description="Cells that are the same.")
    changes: int = Field(description="Cells that aren't, and one more for other metadata.")
    outputs_compared: bool = Field(description="False when one of them was never executed.")
    notes: list[str] = Field(default_factory=list, description="What was left out, and why.")


class PackageChange(Model):
    """A package that isn't the same in both."""

    name: str
    change: Change
    before: str | None = Field(None, description="Version, or where it came from.")
    after: str | None = None
    step: Literal["", "major", "minor", "patch"] = Field(
        "", description="Which part of the version changed first."
    )


class PackageDiff(Model):
    """Where the interpreters' packages differ."""

    known: list[bool] = Field(description="Whether each run tells its packages.")
    packages: list[PackageChange]
    python: list[str | None] = Field(description="Each run's Python.")
    equal: int
    changes: int
    notes: list[str] = Field(default_factory=list)


class CodeSide(Model):
    """Where one run's code came from."""

    commit: str | None = None
    branch: str | None = None
    remote: str | None = None
    dirty: bool | None = Field(None, description="Whether tracked files had changed.")


class FileDiff(Model):
    """A file of code that isn't the same in both."""

    path: str
    change: Change
    was: str = Field("", description="Its former path, when it was renamed.")
    ran: bool = Field(description="Whether it is known to be what ran: kept with the run.")
    text: TextDiff | None = None
    note: str = ""


class CodeDiff(Model):
    """Where the code differs: commits, what wasn't committed, modules as they ran."""

    known: list[bool] = Field(description="Whether each run tells its code.")
    before: CodeSide | None
    after: CodeSide | None
    files: list[FileDiff]
    equal: int = Field(description="Modules kept with both runs that are the same.")
    changes: int
    notes: list[str] = Field(
        default_factory=list, description="What could not be compared, and why."
    )


class DataFile(Model):
    """A file or dataset as one run had it."""

    path: str
    size: int | None = None
    hash: str = Field("", description="Of its content; empty when it isn't known.")
    rows: int | None = None
    versioned: str = Field("", description="Where its content is kept: git.")
    note: str = ""


class DataChange(Model):
    """A file or dataset that isn't the same in both."""

    name: str = Field(description="Its path, below the notebook's folder where it lies there.")
    change: Literal["added", "removed", "changed", "moved", "unknown"] = Field(
        description="unknown: one of the contents was not hashed."
    )
    dataset: bool = Field(False, description="Logged by name, rather than seen being read.")
    before: DataFile | None = None
    after: DataFile | None = None


class DataDiff(Model):
    """Where the data differs that two runs read."""

    known: list[bool] = Field(description="Whether each run tells its data.")
    data: list[DataChange]
    equal: int
    changes: int
    notes: list[str] = Field(default_factory=list)
