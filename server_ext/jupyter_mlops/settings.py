"""The operator's settings.

They are read from `mlops.yaml` in the data directory, or where `JUPYTER_MLOPS_SETTINGS` points.
Every field has a default, so the file is optional; an unknown field is an error. Times are seconds,
sizes bytes.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_serializer

from jupyter_mlops import paths
from jupyter_mlops.errors import InvalidInput
from jupyter_mlops.jobs.order import FactsWanted, OutputLimits

_FILE_MAX = 1 * 2**20


class Section(BaseModel):
    """A part of the settings; a misspelt name is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CapacitySettings(Section):
    """What running attempts may take together; found out where left out."""

    cpus: float | None = Field(None, gt=0, description="CPUs of this machine (affinity, cgroup).")
    memory: int | None = Field(None, gt=0, description="Memory of this machine (or its cgroup).")
    gpus: int | None = Field(None, ge=0, description="GPUs that NVML reports.")


class WarmSettings(Section):
    """Warm parents: interpreters that jobs are forked from."""

    enabled: bool = Field(True, description="Off: every kernel starts as usual.")
    idle_timeout: float = Field(600.0, gt=0, description="An unused parent ends after that.")
    max_parents: int = Field(4, ge=1, le=64)


class AttemptSettings(Section):
    """What every attempt is given."""

    kernel_start_timeout: float = Field(60.0, gt=0)
    quiet_after: float = Field(600.0, gt=0, description="Say so when nothing was printed so long.")
    interrupt_grace: float = Field(5.0, gt=0, description="Between interrupt, TERM and KILL.")
    limits: OutputLimits = Field(default_factory=OutputLimits)
    facts: FactsWanted = Field(default_factory=FactsWanted)


class ReproduceSettings(Section):
    """Reproducing runs."""

    tolerance: float = Field(
        1e-6,
        ge=0,
        allow_inf_nan=False,
        description="How far metrics and predictions may be away: t + t * |value before|.",
    )
    environments_limit: int = Field(
        20 * 2**30,
        ge=0,
        description="All rebuilt environments together; the longest unused go first.",
    )
    install_timeout: float = Field(
        1800.0, gt=0, description="Rebuilding one environment may take so long."
    )
    predict_timeout: float = Field(
        600.0, gt=0, description="Comparing the predictions of two models may take so long."
    )


class Settings(Section):
    """All of them."""

    idle_timeout: float = Field(
        900.0, gt=0, description="The daemon leaves after so long with nothing to do."
    )
    body_limit: int = Field(128 * 2**20, ge=2**16, description="Largest request.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    tracking_uri: str = Field(
        "",
        max_length=2048,
        description="MLflow server in place of the embedded store; MLFLOW_TRACKING_URI goes first.",
    )
    capacity: CapacitySettings = Field(default_factory=CapacitySettings)
    warm: WarmSettings = Field(default_factory=WarmSettings)
    attempts: AttemptSettings = Field(default_factory=AttemptSettings)
    reproduce: ReproduceSettings = Field(default_factory=ReproduceSettings)

    @field_serializer("tracking_uri")
    def _without_credentials(self, uri: str) -> str:
        """As everybody may see it."""
        return re.sub(r"(?<=://)[^/@\s]+@", "", uri)


def settings_file() -> Path:
    """Where the settings are read from; it need not exist."""
    given = os.environ.get("JUPYTER_MLOPS_SETTINGS")
    return Path(given) if given else paths.data_dir() / "mlops.yaml"


def load() -> Settings:
    """The settings.

    Raises:
        InvalidInput: the file can't be read or used; `problems` names every field.
    """
    file = settings_file()
    try:
        with file.open("rb") as opened:
            text = opened.read(_FILE_MAX + 1)
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise InvalidInput(f"The settings {file} can't be read: {error.strerror}.") from error
    if len(text) > _FILE_MAX:
        raise InvalidInput(f"The settings {file} are larger than {_FILE_MAX} bytes.")
    return parse(text, str(file))


def parse(text: bytes, name: str) -> Settings:
    """The settings that a YAML text holds; `name` is for messages.

    Raises:
        InvalidInput: it can't be used; `problems` names every field.
    """
    import yaml  # 30 ms that only those pay who have a file

    try:
        # Aliases are refused by the token: expanding them is how a small file fills the memory.
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, yaml.SafeLoader)):
            raise InvalidInput(f"The settings {name} use YAML aliases; they are not allowed.")
        document = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        where = str(error).splitlines()[0] if str(error) else "nested too deeply"
        raise InvalidInput(f"The settings {name} are not YAML: {where}") from error
    try:
        return Settings.model_validate({} if document is None else document)
    except ValidationError as error:
        problems = [
            {"where": ".".join(map(str, one["loc"])), "message": one["msg"]}
            for one in error.errors(include_url=False, include_input=False)
        ]
        listed = "; ".join(f"{one['where'] or 'the file'}: {one['message']}" for one in problems)
        raise InvalidInput(
            f"The settings {name} can't be used: {listed}",
            hint="Mend these fields; docs/settings.md lists them all.",
            problems=problems,
        ) from error
