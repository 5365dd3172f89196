"""docs/settings.md says every setting that there is, and none that there isn't."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel

from jupyter_mlops.settings import Settings

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"


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
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \| (.*?) \|", DOCUMENT.read_text(), re.MULTILINE))
    wanted = fields(Settings)
    assert set(rows) == set(wanted)
    for name, default in wanted.items():
        if default not in (None, ""):
            shown = str(default).lower() if isinstance(default, bool) else f"{default}"
            assert rows[name] == shown.removesuffix(".0"), name
