"""Parameter values reach the kernel as data, whatever they hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from mlops_runner import BASH, RunnerAttempt, code

Make = Callable[..., RunnerAttempt]

AWKWARD: list[Any] = [
    *(
        "",
        "'",
        '"',
        "'''",
        '"""',
        "\\",
        "\\'",
        "\n",
        "\r\n",
        "\t",
        "\0",
        "\u2028",
        "\u2029",
        "\x85",
    ),
    *("{x}", "%s %(x)s", "$(id)", "`id`", "#", "\\N{BULLET}", "é 报告 🚀", "\x1b[31m", "\\u0041"),
    *(0, -1, 2**63, -(2**63), 10**300, 0.1, -0.0, 1e308, 5e-324, 1e16, 123456789.123456789),
    *(True, False, None, [], {}, [None, [True, [1.5, "x"]]], {"a": {"b": [None, False]}}),
    {"": 1, "'": 2, "\n": [3], "__proto__": None},
    "'); import os; os._exit(1) #",
    "x = 1\nimport os; os._exit(1)",
]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=8), inner, max_size=4
        )
    ),
    max_leaves=12,
)


def _round_trip(make_attempt: Make, values: dict[str, Any]) -> dict[str, Any]:
    attempt = make_attempt(
        "import json; before = set(globals())",
        code("", "parameters"),
        "set_ = set(globals()) - before",
        "names = [n for n in set_ if n.startswith('p') and n[1:].isdigit()]\n"
        "found = {n: [globals()[n], type(globals()[n]).__name__] for n in names}\n"
        "json.dump(found, open('out', 'w'))",
        parameters=values,
    )
    assert attempt.run()["state"] == "succeeded", attempt.said()
    found: dict[str, Any] = json.loads((Path(attempt.order["cwd"]) / "out").read_text())
    return found


def test_a24_awkward_values(make_attempt: Make):
    """Quotes, separators, control characters, big numbers, nested None and True: all as given."""
    values = {f"p{number}": value for number, value in enumerate(AWKWARD)}
    found = _round_trip(make_attempt, values)
    assert {name: value for name, (value, _) in found.items()} == values
    types = {name: kind for name, (_, kind) in found.items()}
    assert types == {name: type(value).__name__ for name, value in values.items()}


def test_a24_hypothesis(make_attempt: Make):
    """Anything that JSON can say comes out as it went in; many examples in one kernel."""
    examples: list[Any] = []

    @settings(
        max_examples=400,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(VALUES)
    def collect(value: Any) -> None:
        examples.append(value)

    collect()
    values = {f"p{number}": value for number, value in enumerate(examples)}
    found = _round_trip(make_attempt, values)
    assert set(found) == set(values)
    for name, value in values.items():
        assert json.dumps(found[name][0]) == json.dumps(value), name


def test_numbers_that_json_does_not_have(make_attempt: Make):
    """NaN and the infinities, as an order may hold them."""
    attempt = make_attempt("1")
    order = (attempt.directory / "order.json").read_text()
    assert '"parameters"' not in order
    told = order[:-1] + ', "parameters": {"a": NaN, "b": [Infinity, -Infinity]}}'
    (attempt.directory / "order.json").write_text(told)
    notebook = json.loads(Path(attempt.order["notebook"]).read_text())
    notebook["cells"][0]["source"] = "print(a, b)"
    Path(attempt.order["notebook"]).write_text(json.dumps(notebook))
    assert attempt.run()["state"] == "succeeded", attempt.said()
    assert attempt.text(1) == "nan [inf, -inf]\n"


def test_a24_bash(make_attempt: Make, tmp_path: Path):
    """In a shell, too, a value is no command."""
    pytest.importorskip("bash_kernel")
    witness = tmp_path / "witness"
    attempt = make_attempt(
        'printf "%s|" "$a" "$b" "$c"',
        argv=BASH,
        language="bash",
        parameters={"a": f"$(touch {witness})", "b": 'it\'s `id` "q" \\ $HOME', "c": 3},
    )
    assert attempt.run()["state"] == "succeeded", attempt.said()
    assert attempt.text(1).rstrip("\n") == f'$(touch {witness})|it\'s `id` "q" \\ $HOME|3|'
    assert not witness.exists()


def test_a_language_nobody_knows(make_attempt: Make):
    """Parameters of an unknown language are refused with what to do instead."""
    attempt = make_attempt("1", argv=["true"], language="klingon", parameters={"x": 1})
    failure = attempt.run()["failure"]
    assert "klingon" in failure["message"]
    assert failure["hint"]
