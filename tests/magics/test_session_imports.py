"""Which imports a cell takes over from its session."""

from __future__ import annotations

import types
from typing import Any

import pytest

from jupyter_mlops.magics.imports import session_imports


def session(source: str) -> dict[str, Any]:
    """The variables of a session that has executed `source`."""
    variables: dict[str, Any] = {"__name__": "__main__"}
    exec(source, variables)
    return variables


@pytest.mark.parametrize(
    ("before", "cell", "expected"),
    [
        ("import json", "json.dumps(1)", ["import json"]),
        ("import json as j", "j.dumps(1)", ["import json as j"]),
        ("import json", "print(1)", []),
        ("import json", "x = 'json'", []),
        ("import os.path as p", "p.join('a')", ["import posixpath as p"]),
        (
            "import xml.etree.ElementTree",
            "xml.etree.ElementTree.XML('<a/>')",
            ["import xml", "import xml.etree.ElementTree"],
        ),
        ("from json import dumps", "dumps(1)", ["from json import dumps"]),
        (
            "from collections import OrderedDict as D",
            "D()",
            ["from collections import OrderedDict as D"],
        ),
        ("from math import sqrt", "[sqrt(x) for x in y]", ["from math import sqrt"]),
        ("from math import pi", "print(pi)", []),
        ("import json, re", "def f():\n    return json, re\n", ["import json", "import re"]),
        ("import json", "%time json.dumps(1)", []),
        ("import json", "%%time\njson.dumps(1)", ["import json"]),
        ("import json", "!ls\njson.dumps(1)", ["import json"]),
        ("import json", "this is (not Python", []),
        ("def json(): pass", "json()", []),
        ("class A: pass\na = A()", "a, A", []),
        ("x = 3", "x", []),
    ],
)
def test_imports(before: str, cell: str, expected: list[str]) -> None:
    """Modules and what came from them; nothing that the notebook made itself."""
    assert session_imports(cell, session(before)) == expected


def test_what_comes_from_elsewhere_isnt_imported() -> None:
    """A variable taken along, or a parameter, means what it was given."""
    variables = session("import json, re")
    assert session_imports("json, re", variables, without={"json"}) == ["import re"]


def test_what_has_no_source_isnt_imported() -> None:
    """A module made at run time; one whose name can't be written."""
    made = types.ModuleType("made")
    odd = types.ModuleType("odd; import os")
    assert session_imports("made, odd", {"made": made, "odd": odd}) == []


def test_a23_a_name_is_never_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that calls itself something else isn't written down."""

    def evil() -> None:
        """Nothing."""

    import json

    name = "x\nimport os"
    evil.__module__, evil.__qualname__ = "json", name
    monkeypatch.setattr(json, name, evil, raising=False)
    assert session_imports("evil()", {"evil": evil}) == []
