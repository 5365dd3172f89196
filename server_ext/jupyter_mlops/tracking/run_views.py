"""Experiments and runs as the API answers them.

Times are seconds since the epoch. A metric's value that JSON has no number for is one of the words
"NaN", "Infinity" and "-Infinity".
"""

from __future__ import annotations

import hashlib
import math
from typing import Literal

from pydantic import Field

from jupyter_mlops.jobs.model import Model
from jupyter_mlops.tracking.run_record import RunStatus

MetricValue = float | Literal["NaN", "Infinity", "-Infinity"]

NOTE_TAG = "mlflow.note.content"
FAVOURITE_TAG = "mlops.favourite"
#: Tags that we or MLflow set begin so; all others are the person's.
OWN_TAGS = ("mlops.", "mlflow.")
Place = Literal["name", "params", "tags"]
WORDS_IN = "Where plain words of the filter were looked for; empty where it has none."
AT_SERVER = "Asked of a tracking server, which can't tell whether anything is new: look seldom."
#: How MLflow's tables keep infinity.
_LARGEST = 1.7976931348623157e308


class Experiment(Model):
    """An experiment and how its runs are."""

    id: str
    name: str
    counts: dict[RunStatus, int] = Field(
        description="Its runs, by status; empty where counting would cost much."
    )
    created_at: float | None = None
    last_activity: float | None = Field(
        None, description="When a run of it began or ended last; else when it was changed."
    )
    note: str = ""
    note_version: str = Field(description="To be sent with a changed note.")
    favourite: bool = False


class ExperimentList(Model):
    """A page of experiments: favourites first, then by their last activity."""

    experiments: list[Experiment]
    next: str | None = Field(None, description="Cursor of the next page.")
    total: int | None = Field(description="How many match; null where counting would cost much.")
    at_server: bool = Field(False, description=AT_SERVER)


class RunRow(Model):
    """A run as one line of a table."""

    id: str
    name: str
    status: RunStatus
    experiment_id: str
    experiment: str
    user: str = ""
    started_at: float | None = None
    ended_at: float | None = None
    job_id: str | None = Field(None, description="The job whose run this is.")
    parent_id: str | None = Field(None, description="The run that this one is nested below.")
    favourite: bool = False
    note: str = ""
    params: dict[str, str]
    metrics: dict[str, MetricValue] = Field(description="The last value of each.")
    tags: dict[str, str] = Field(description="Those that people set.")
    own_tags: dict[str, str] = Field(description="Those that jupyter-mlops and MLflow set.")


class RunList(Model):
    """A page of runs."""

    runs: list[RunRow]
    next: str | None = Field(None, description="Cursor of the next page.")
    total: int | None = Field(description="How many match; null where counting would cost much.")
    cut: bool = Field(False, description="Values or metrics were left out: name the columns.")
    words_in: list[Place] = Field(description=WORDS_IN)
    at_server: bool = Field(False, description=AT_SERVER)


class Columns(Model):
    """What runs of some experiments have: names for columns, in their order."""

    metrics: list[str]
    params: list[str]
    tags: list[str]
    cut: bool = Field(description="There are more.")


class MetricSummary(Model):
    """One metric of a run; NaN counts neither as least nor as greatest."""

    key: str
    last: MetricValue
    step: int
    time: float
    min: MetricValue | None = None
    max: MetricValue | None = None
    points: int | None = Field(None, description="How many were logged; null when not counted.")


class Dataset(Model):
    """A dataset that a run used."""

    name: str
    digest: str
    source_type: str = ""
    source: str = ""
    context: str = ""
    rows: int | None = Field(None, description="Where its profile tells them.")
    other_runs: int | None = Field(
        None, description="How many other runs used the same; null where that isn't known."
    )


class RunLink(Model):
    """A run that another one has to do with."""

    id: str
    name: str
    status: RunStatus


class ModelLink(Model):
    """A model that a run made or used."""

    name: str
    model_id: str | None = Field(None, description="MLflow's id of a logged model.")
    version: int | None = Field(None, description="Of a registered model.")
    aliases: list[str] = Field(default_factory=list, description="Of a registered version.")


class Lineage(Model):
    """What a run came from, and what came out of it; at most 100 of each."""

    parent: RunLink | None = None
    children: list[RunLink] = Field(default_factory=list, description="Oldest first.")
    repeats: RunLink | None = Field(None, description="The run of the job that its job repeats.")
    repeats_job: str | None = Field(None, description="The job that its job repeats.")
    repeated_by: list[RunLink] = Field(
        default_factory=list, description="Runs of jobs that repeat its job, oldest first."
    )
    models: list[ModelLink] = Field(
        default_factory=list, description="Made by it; registered versions first."
    )
    models_used: list[ModelLink] = Field(default_factory=list)


class RunDetail(Model):
    """Everything about one run but its points and artifacts."""

    run: RunRow
    artifact_uri: str
    deleted: bool = Field(description="In MLflow's trash.")
    note_version: str = Field(description="To be sent with a changed note.")
    metrics: list[MetricSummary]
    datasets: list[Dataset]
    children: list[str] = Field(description="Runs nested below it, oldest first; 1,000 at most.")
    lineage: Lineage | None = Field(None, description="Told with the summary.")
    cut: bool = Field(False, description="It has more metrics or parameters than are told.")
    at_server: bool = Field(False, description=AT_SERVER)


class Series(Model):
    """Points of one metric of one run, thinned out; all lists are equally long.

    Every bucket of the axis keeps its least and its greatest point; the first and last of all stay.
    """

    run_id: str
    key: str
    x: list[float] = Field(description="Step, seconds since the epoch, or since the run's start.")
    y: list[MetricValue]
    step: list[int]
    total: int = Field(description="Points there are between `from` and `to`.")
    nan: int = Field(description="Those of them that are NaN; they are told by themselves.")
    nan_x: list[float] = Field(description="Where some of them are.")
    exact: bool = Field(description="Whether least and greatest points are sure to be among them.")
    min: MetricValue | None = Field(None, description="Between `from` and `to`.")
    max: MetricValue | None = Field(None, description="Between `from` and `to`.")


class SeriesList(Model):
    """Several series, for one chart."""

    axis: Literal["step", "time", "relative"]
    series: list[Series]


class Artifact(Model):
    """A file or directory of a run."""

    path: str = Field(description="From the root of the run's artifacts.")
    directory: bool
    size: int | None = None
    media_type: str = ""
    preview: bool = Field(False, description="Whether its content is answered to be shown.")


class ArtifactList(Model):
    """What one directory of a run's artifacts holds: directories first, by name."""

    path: str
    artifacts: list[Artifact]
    cut: bool = Field(False, description="There are more than are listed.")


class Difference(Model):
    """One thing that is not the same in all runs; null where a run has none."""

    key: str
    values: list[MetricValue | str | None] = Field(description="In the order of `runs`.")


class Comparison(Model):
    """Where runs differ; what is the same in all of them is only counted."""

    runs: list[RunRow] = Field(description="Without parameters, metrics and tags.")
    attributes: list[Difference]
    params: list[Difference]
    metrics: list[Difference]
    tags: list[Difference]
    packages: list[Difference]
    equal: dict[str, int] = Field(description="How many of each group are the same.")
    packages_known: list[bool] = Field(description="Whether a run tells its packages.")


class RunChanges(Model):
    """What to change about a run; what is left out stays."""

    name: str | None = None
    favourite: bool | None = None
    note: str | None = Field(None, description="Markdown; empty removes it.")
    note_version: str | None = Field(
        None, description="Of the note that was changed; another one is there by now: 409."
    )
    tags: dict[str, str | None] = Field(
        default_factory=dict, description="Tags to set; null removes one."
    )


class ExperimentChanges(Model):
    """What to change about an experiment; what is left out stays."""

    favourite: bool | None = None
    note: str | None = Field(None, description="Markdown; empty removes it.")
    note_version: str | None = Field(None, description="As of a run.")


def metric_value(value: float, *, is_nan: bool = False) -> MetricValue:
    """A value as the API says it, from MLflow's tables or its client."""
    if is_nan or math.isnan(value):
        return "NaN"
    if value >= _LARGEST:
        return "Infinity"
    return "-Infinity" if value <= -_LARGEST else value


def seconds(milliseconds: float | None) -> float | None:
    """MLflow's times as ours."""
    return None if milliseconds is None else milliseconds / 1000


def note_version(note: str) -> str:
    """What tells two notes apart."""
    return hashlib.sha256(note.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def is_own(tag: str) -> bool:
    """Whether a tag is ours or MLflow's."""
    return tag.startswith(OWN_TAGS)
