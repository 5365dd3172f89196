"""What a runner is told: one attempt, complete, readable without the daemon or the store."""

from __future__ import annotations

from pydantic import Field, JsonValue

from jupyter_mlops.jobs.model import Model


class KernelOrder(Model):
    """How to start the kernel."""

    name: str
    language: str
    argv: list[str] = Field(description="The kernelspec's, with {connection_file} unreplaced.")
    env: dict[str, str] = Field(default_factory=dict, description="The kernelspec's own.")
    interrupt_mode: str = "signal"
    display_name: str = ""
    parent_socket: str | None = Field(
        None, description="Warm parent to fork from; a usual start when None or when it refuses."
    )
    cold_reason: str = Field("", description="Why there is no parent, for the job's details.")


class OutputLimits(Model):
    """Above these, output is cut and says so."""

    cell_bytes: int = 32 * 2**20
    total_bytes: int = 128 * 2**20
    single_bytes: int = Field(64 * 2**20, description="One display (an image, an HTML page).")


class FactsWanted(Model):
    """What is recorded of a notebook without anybody asking. Sizes are bytes."""

    datasets: bool = Field(True, description="Files that it reads.")
    data_folders: list[str] = Field(
        default_factory=list,
        max_length=100,
        description="Where data lies, besides the notebook's directory.",
    )
    hash_limit: int = Field(2 * 2**30, ge=0, description="Larger files are not hashed.")
    keep_limit: int = Field(
        64 * 2**20, ge=0, description="A copy is kept of read files up to this size."
    )
    keep_total: int = Field(
        10 * 2**30,
        ge=0,
        description="All copies together; those that no run needs, then the longest unused go.",
    )
    variables: list[str] = Field(
        default_factory=list,
        max_length=1000,
        description="Environment variables that are recorded, too; `*` at the end is any ending.",
    )
    system_metrics: bool = Field(True, description="Load of the run's own processes.")
    system_interval: float = Field(5.0, ge=1.0, description="Seconds between two samples.")


class AttemptOrder(Model):
    """`order.json`. Paths are absolute."""

    job_id: str
    attempt: int
    name: str
    directory: str = Field(description="The attempt's directory.")
    notebook: str = Field(description="The snapshot to execute.")
    source: str = Field(description="Where the person's notebook was; named in messages.")
    code_dir: str | None = Field(None, description="Snapshot of local modules; first on sys.path.")
    values: str | None = Field(None, description="Pickled variables taken along.")
    cwd: str
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    kernel: KernelOrder
    env: dict[str, str] = Field(
        default_factory=dict, description="Added to the runner's own environment for the kernel."
    )
    timeout: float | None = None
    kernel_start_timeout: float = 60.0
    quiet_after: float = Field(600.0, description="Say so when nothing was printed for so long.")
    interrupt_grace: float = Field(5.0, description="Between interrupt, TERM and KILL.")
    memory_limit: int | None = None
    cpus_only: bool = Field(
        False, description="It holds nothing that its kernel's end would give back."
    )
    limits: OutputLimits = Field(default_factory=OutputLimits)
    facts: FactsWanted = Field(default_factory=FactsWanted)
    hashes: str | None = Field(None, description="Directory of known content hashes.")
    output_notebook: str = Field(description="Where the person finds the executed notebook.")
    output_log: str
    doorbell: str
