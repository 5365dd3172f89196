"""The nouns of a job. These models are the store's rows, the REST contract, the OpenAPI document,
the TypeScript types and the form in JupyterLab: a field is added here and nowhere else.

Times are seconds since the epoch (UTC), durations are seconds, sizes are bytes.
"""

from __future__ import annotations

import keyword
import re
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, StringConstraints

JOB_ID = re.compile(r"[0-9a-f]{12}")
#: Variables that would change how the runner itself is loaded, or that belong to us.
RESERVED_ENVIRONMENT = re.compile(
    r"(LD_|DYLD_|MLOPS_)|(PYTHONHOME|PYTHONSTARTUP|PYTHONINSPECT|BASH_ENV|ENV|IFS)$"
)


class Model(BaseModel):
    """Strict about names: an unknown field is an error, never ignored."""

    # What the API answers always carries every field, so its schema says so.
    model_config = ConfigDict(extra="forbid", json_schema_serialization_defaults_required=True)


class State(StrEnum):
    """Where a job is. The last three are terminal."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        """Whether nothing comes after it."""
        return self in (State.SUCCEEDED, State.FAILED, State.CANCELLED)


def _parameter_name(name: str) -> str:
    if not (name.isidentifier() and name.isascii()) or keyword.iskeyword(name):
        raise ValueError(f"{name[:80]!r} is not a name that a variable can have")
    return name


def _environment_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,127}", name):
        raise ValueError(f"{name[:80]!r} is not a name that an environment variable can have")
    if RESERVED_ENVIRONMENT.match(name):
        raise ValueError(f"{name} can't be set for a job")
    return name


def _environment_value(value: str) -> str:
    if "\0" in value:
        raise ValueError("contains a NUL character")
    return value


ParameterName = Annotated[str, AfterValidator(_parameter_name)]
EnvironmentName = Annotated[str, AfterValidator(_environment_name)]
EnvironmentValue = Annotated[
    str, StringConstraints(max_length=32_768), AfterValidator(_environment_value)
]
Label = Annotated[
    str, StringConstraints(min_length=1, max_length=250, pattern=r"^[^\x00-\x1f\x7f]+$")
]


class Resources(Model):
    """What an attempt needs; the dispatcher keeps the sum of the running ones below capacity."""

    cpus: float = Field(1.0, gt=0, le=4096, title="CPUs")
    memory: int | None = Field(
        None, ge=16 * 2**20, title="Memory", description="Limit in bytes; none when left out."
    )
    gpus: int = Field(0, ge=0, le=1024, title="GPUs")


class JobSpec(Model):
    """What a person asks for."""

    notebook: str = Field(
        min_length=1,
        max_length=4096,
        title="Notebook",
        description="Path: absolute, or below the Jupyter server's root.",
    )
    name: Label | None = Field(None, title="Name", description="The notebook's name when left out.")
    parameters: dict[ParameterName, JsonValue] = Field(
        default_factory=dict, title="Parameters", max_length=1000
    )
    env: dict[EnvironmentName, EnvironmentValue] = Field(
        default_factory=dict, title="Environment variables", max_length=200
    )
    env_from: list[EnvironmentName] = Field(
        default_factory=list,
        title="Environment variables taken over",
        description="Names only; the values are taken from the daemon's environment at the start "
        "and never stored.",
        max_length=200,
    )
    kernel: Label | None = Field(
        None, title="Kernel", description="The notebook's own kernel when left out."
    )
    retries: int = Field(
        0, ge=0, le=20, title="Retries", description="New attempts after a failure."
    )
    timeout: float | None = Field(
        None, gt=0, le=31_536_000, title="Timeout", description="Seconds for one attempt."
    )
    resources: Resources = Field(default_factory=Resources, title="Resources")
    experiment: Label | None = Field(
        None,
        title="Experiment",
        description="MLflow experiment; the notebook's name when left out.",
    )
    tags: dict[Label, Annotated[str, StringConstraints(max_length=5000)]] = Field(
        default_factory=dict, title="Tags", max_length=100
    )
    output_dir: str | None = Field(
        None,
        max_length=4096,
        title="Output folder",
        description='Where the executed notebook goes; "jobs" beside the notebook when left out. '
        "File names are chosen by the server.",
    )
    warm_start: bool = Field(
        True, title="Warm start", description="Fork the kernel from a warm parent where possible."
    )
    target: Literal["process"] = Field("process", title="Target", description="Where it runs.")


class Submission(Model):
    """The body of `POST /jobs`."""

    spec: JobSpec
    content: dict[str, JsonValue] | None = Field(
        None,
        description="The notebook itself, for one that is not saved (a cell sent by %%mlops run); "
        "`spec.notebook` then only names it and gives the working directory.",
    )
    values: str | None = Field(
        None,
        max_length=96 * 2**20,
        description="Variables taken along by value: base64 of a pickled dict. Loaded by the "
        "kernel only.",
    )


class SpecChanges(Model):
    """The body of `POST /jobs/{id}/rerun`: fields to replace; parameters and env are merged."""

    name: Label | None = None
    parameters: dict[ParameterName, JsonValue] = Field(default_factory=dict)
    env: dict[EnvironmentName, EnvironmentValue] = Field(default_factory=dict)
    retries: int | None = Field(None, ge=0, le=20)
    timeout: float | None = Field(None, gt=0, le=31_536_000)
    latest: bool = Field(
        False, description="Take the notebook as it is now instead of the job's own snapshot."
    )


class Failure(Model):
    """Why a job or attempt ended otherwise than well."""

    code: str
    message: str
    hint: str = ""
    cell_index: int | None = Field(None, description="Index in the executed notebook, from 0.")
    ename: str | None = None
    evalue: str | None = None
    traceback: str | None = Field(None, description="Plain text, ANSI stripped.")


class Progress(Model):
    """How far the current attempt is, in code cells."""

    total: int = 0
    done: int = 0
    current: int | None = Field(None, description="Index of the running cell in the notebook.")
    current_source: str = Field("", description="Its first line.")


class WarmDetails(Model):
    """What the warm start did, or why not."""

    warm: bool = False
    reason: str = Field("", description="Why it was cold, in words.")
    preloaded: list[str] = Field(default_factory=list)
    left_out: dict[str, str] = Field(default_factory=dict, description="Module → why.")


class Attempt(Model):
    """One try of a job; numbers count from 1."""

    number: int
    state: State
    started_at: float | None = None
    ended_at: float | None = None
    failure: Failure | None = None
    peak_memory: int | None = None
    start: WarmDetails = Field(default_factory=WarmDetails)


class Tracking(Model):
    """The MLflow run of a job."""

    uri: str = Field("", description="Empty for the embedded store.")
    experiment_id: str | None = None
    experiment: str | None = None
    run_id: str | None = None
    synced: bool = False
    detail: str = Field("", description="Why it isn't synced yet.")


class Outputs(Model):
    """Absolute paths of what the job wrote for the person; None until it is there."""

    directory: str
    notebook: str | None = None
    html: str | None = None
    log: str | None = None


class ContentsPaths(Model):
    """The same, and the source, as paths below the Jupyter server's root; None where outside."""

    notebook: str | None = None
    output_notebook: str | None = None
    output_html: str | None = None


class Kernel(Model):
    """The kernelspec that runs the notebook."""

    name: str
    display_name: str = ""
    language: str = ""


class Job(Model):
    """One job as every client sees it."""

    id: str
    name: str
    state: State
    version: int = Field(description="Sequence number of its last event; orders two readings.")
    cancelling: bool = False
    spec: JobSpec
    notebook: str = Field(description="Absolute path of the source.")
    notebook_hash: str = Field(description="sha256 of the snapshot.")
    git_commit: str | None = None
    git_dirty: bool | None = None
    kernel: Kernel
    created_at: float
    started_at: float | None = None
    ended_at: float | None = None
    duration: float | None = Field(None, description="Of the last attempt, measured monotonically.")
    not_before: float | None = Field(None, description="A retry waits until then.")
    waiting_for: str = Field("", description="Why it is still queued, in words.")
    attempt: int = Field(0, description="Number of the current attempt; 0 before the first.")
    attempts: list[Attempt] = Field(default_factory=list)
    failure: Failure | None = None
    progress: Progress = Field(default_factory=Progress)
    last_output: str = Field("", description="The last line of text that it printed.")
    metrics: dict[str, float] = Field(default_factory=dict)
    tracking: Tracking = Field(default_factory=Tracking)
    outputs: Outputs
    contents: ContentsPaths = Field(default_factory=ContentsPaths)
    warnings: list[str] = Field(default_factory=list)
    rerun_of: str | None = None


class JobList(Model):
    """A page of jobs, newest first."""

    jobs: list[Job]
    next: str | None = Field(None, description="Cursor of the next page.")
    counts: dict[State, int] = Field(description="Of all jobs that match but for the state filter.")
    version: int = Field(description="Sequence number to follow events from.")


class ParameterInfo(Model):
    """One parameter that a notebook declares in its `parameters` cell."""

    name: str
    type: Literal["int", "float", "bool", "str", "list", "dict", "none", "unknown"]
    default: JsonValue = None
    default_source: str = Field("", description="The default as written.")
    literal: bool = Field(True, description="Whether `default` holds the value of the source.")
    help: str = ""
    annotated: bool = Field(
        False,
        description="Whether the notebook says the type. One that was inferred from the default "
        "lets any number stand for a number.",
    )


class NotebookInfo(Model):
    """What the form needs to know of a notebook; the answer of `POST /notebooks/inspect`."""

    notebook: str
    kernel: Kernel | None = None
    kernels: list[Kernel] = Field(default_factory=list, description="Those installed.")
    parameters: list[ParameterInfo] = Field(default_factory=list)
    cells: int = 0
    problems: list[dict[str, Any]] = Field(
        default_factory=list, description='What would refuse the submit: {"where", "message"}.'
    )
    warnings: list[str] = Field(default_factory=list)
