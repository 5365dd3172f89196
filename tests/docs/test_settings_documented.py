"""docs/settings.md says every setting that there is, and none that there isn't."""

from __future__ import annotations

import re

from mlops_documents import first_column, sections, sources, text_of
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from jupyter_mlops.server_ext.app import MlopsApp
from jupyter_mlops.settings import Settings

TEXT = text_of("settings.md")


def fields(model: type[BaseModel], before: str = "") -> dict[str, object]:
    """Every field that can be set, by dotted path, with its default."""
    found: dict[str, object] = {}
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found |= fields(kind, f"{before}{name}.")
        else:
            found[before + name] = field.default
    return found


def test_every_setting_is_documented_with_its_default():
    """docs/settings.md lists exactly the settings that exist."""
    own = TEXT.partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \| (.*?) \|", own, re.MULTILINE))
    wanted = fields(Settings)
    assert set(rows) == set(wanted)
    for name, default in wanted.items():
        if default not in (None, "", PydanticUndefined):  # a list that is empty
            shown = str(default).lower() if isinstance(default, bool) else f"{default}"
            assert rows[name] == shown.removesuffix(".0"), name


def test_every_trait_of_the_jupyter_server_is_documented_with_its_default():
    """Those that a configuration file can set."""
    text = sections("settings.md")["The Jupyter server"]
    rows = dict(re.findall(r"^\| `MlopsApp\.(\w+)` \| (\d+) \|", text, re.MULTILINE))
    own = {
        name: trait.default_value for name, trait in MlopsApp.class_own_traits(config=True).items()
    }
    assert {name: float(value) for name, value in rows.items()} == own


def test_every_variable_of_ours_is_documented():
    """Those that are read are settings; those that a job gets are told with jobs."""
    read = set(re.findall(r'"(JUPYTER_MLOPS_[A-Z_]+)"', sources(".")))
    assert read == set(first_column(sections("settings.md")["Environment variables"])) - {
        "MLFLOW_TRACKING_URI"
    }
    given = set(re.findall(r'"(MLOPS_[A-Z_]+)"', sources("jobs/attempt_order.py")))
    assert given == set(first_column(sections("jobs.md")["The environment of a job"]))
