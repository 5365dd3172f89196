"""A report as it is asked for and answered."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from jupyter_mlops.jobs.model import Model
from jupyter_mlops.naming import KEY_MOST
from jupyter_mlops.tracking.run_compare import RUNS_MOST

#: Charts of one report.
CHARTS_MOST = 40

RunId = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{1,64}$")]


class ReportRequest(Model):
    """The body of `POST /reports`."""

    runs: list[RunId] = Field(
        min_length=1, max_length=RUNS_MOST, description="Ids, in the order of the report."
    )
    title: str = Field("", max_length=200, description="The experiments' names when left out.")
    metrics: list[Annotated[str, StringConstraints(min_length=1, max_length=KEY_MOST)]] | None = (
        Field(
            None,
            max_length=CHARTS_MOST,
            description="Those that are drawn; the first twelve with several points when left out.",
        )
    )
    html: bool = Field(False, description="With the notebook as a page.")


class ReportFile(Model):
    """A report: files that need no server."""

    name: str = Field(description="What its files may be called, without the ending.")
    title: str
    notebook: str = Field(description="The text of the `.ipynb` file.")
    html: str | None = Field(None, description="The text of the `.html` file.")
    left_out: list[str] = Field(description="What the report does not show, a sentence each.")
