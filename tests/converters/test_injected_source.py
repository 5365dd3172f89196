"""Attacks 23 and 24: values are data in every language, never code."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import sys
from typing import Any

import pexpect
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from papermill.translators import papermill_translators

from jupyter_mlops.converters.dialects import dialect_of, languages
from jupyter_mlops.converters.parameters import (
    injected_source,
    values_source,
)
from jupyter_mlops.converters.quoting import Unwritable
from jupyter_mlops.errors import InvalidInput

NASTY = [
    "",
    "'",
    '"',
    '"""',
    "'''",
    "\\",
    "\\'",
    'it\'s "quoted" \\ here',
    "line\nbreak\r\nand\ttab",
    "\u2028\u2029\u0085\x0b\x0c",
    "$(touch /tmp/pwned) `id` ${HOME} $HOME $x",
    "#{1+1} %{x} {0} {x} %s %(x)s \\$x",
    "}}; import os; os.abort() #",
    "*/ alert(1) //",
    "\u2018single\u2019 \u201cdouble\u201d \u201alow\u201b",
    "報告 🚀 \U0010ffff é",
    "\x1b[31m\x07\x08\x7f",
    "!! !ls !$",
    "a\\u0022b \\n \\x41 \\101",
    "\u202e rtl",
    "__proto__",
    "nan",
    "~/x ~root",
    "* ? [a-z]",
]

any_text = st.text(max_size=30) | st.sampled_from(NASTY)
whole_text = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30
) | st.sampled_from(NASTY)


def values_of(
    text: st.SearchStrategy[str], whole: st.SearchStrategy[int]
) -> st.SearchStrategy[Any]:
    """Every value that JSON can say, and NaN and the infinities."""
    return st.recursive(
        st.none() | st.booleans() | whole | st.floats() | text,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
        max_leaves=10,
    )


names = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,20}", fullmatch=True).map(lambda name: f"p_{name}")


def same(one: Any, other: Any) -> bool:
    """Equal, of the same type, NaN equal to itself and -0.0 different from 0.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        if math.isnan(one):
            return math.isnan(other)
        return one == other and math.copysign(1, one) == math.copysign(1, other)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    return one == other


def executed(source: str) -> dict[str, Any]:
    """The names that Python source sets."""
    scope: dict[str, Any] = {}
    exec(compile(source, "<injected>", "exec"), scope)
    del scope["__builtins__"]
    return scope


@settings(max_examples=500, deadline=None)
@given(st.dictionaries(names, values_of(any_text, st.integers()), max_size=4))
@example({"p_a": "\ud800", "p_b": [float("nan"), -0.0], "p_c": {"": None}})
@example({"p_big": 10**6000, "p_small": -(10**6000)})
@example({"float": float("inf"), "p_x": [float("nan"), float("-inf")]})
def test_a24_python_values_round_trip(parameters):
    """What the cell sets is what was given: type, sign, order, every character."""
    found = executed(injected_source("python", parameters))
    assert same(found, parameters)


def test_a24_the_deepest_value_that_is_taken_round_trips():
    """One level more is refused rather than failing in the kernel."""
    value: Any = 1
    for _ in range(100):
        value = [value]
    assert executed(injected_source("python", {"x": value}))["x"] == value
    with pytest.raises(InvalidInput, match="nested deeper than 100"):
        injected_source("python", {"x": [value]})


@pytest.mark.parametrize("language", sorted({*languages(), "Python", "typescript", "ir"}))
@pytest.mark.parametrize(
    "name", ["x=1\nimport os", "a b", "1a", "", "é", "a;b", "a.b", "$(id)", "x\n", "a-b"]
)
def test_a23_a_name_that_is_no_identifier_is_refused(language, name):
    """Attack 23: papermill writes the name as it is."""
    with pytest.raises(InvalidInput) as caught:
        injected_source(language, {name: 1, "fine": 2})
    assert [one["where"] for one in caught.value.problems] == [f"parameters.{name}"]


# ---------------------------------------------------------------- bash

bash = shutil.which("bash")


def shell_words(names_: list[str]) -> str:
    """A script that writes every element of the arrays or variables, NUL behind each."""
    return "".join(f'printf "%s\\0" "${{#{name}[@]}}" "${{{name}[@]}}"\n' for name in names_)


def expected_words(value: Any) -> list[str]:
    """What bash should hold for a value."""
    if isinstance(value, list):
        return [str(len(value)), *(scalar(one) for one in value)]
    return ["1", scalar(value)]


def scalar(value: Any) -> str:
    """A value as the text that it is in a shell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(value)
    if isinstance(value, float):
        return repr(value)
    return str(value)


@pytest.mark.skipif(bash is None, reason="there is no bash")
@settings(max_examples=60, deadline=None)
@given(st.dictionaries(names, values_of(whole_text, st.integers()), min_size=1, max_size=6))
def test_a24_bash_values_round_trip(parameters):
    """A real bash holds every byte of what was given, in whatever locale."""
    script = injected_source("bash", parameters) + shell_words(list(parameters))
    done = subprocess.run(
        [bash, "--norc", "--noprofile"],
        input=script.encode(),
        capture_output=True,
        check=True,
        env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
    )
    assert done.stderr == b""
    words = done.stdout.split(b"\0")[:-1]
    wanted = [word.encode() for value in parameters.values() for word in expected_words(value)]
    if any(isinstance(value, list) and not value for value in parameters.values()):
        # printf with no argument left still prints its format once
        words = [word for word in words if word]
        wanted = [word for word in wanted if word]
    assert words == wanted


@pytest.mark.skipif(bash is None, reason="there is no bash")
def test_a24_bash_values_survive_the_terminal_that_a_kernel_types_into(tmp_path):
    """Tabs, control characters and `!` are keys pressed there; none may be sent as such."""
    parameters = {f"p{index}": text for index, text in enumerate(NASTY)}
    parameters["long"] = "x é' \t" * 3000
    shell = pexpect.spawn(
        bash,
        ["--norc", "--noprofile", "-i"],
        encoding="utf-8",
        echo=False,
        timeout=30,
        env={**os.environ, "PS1": "READY> ", "PS2": "MORE> ", "HISTFILE": "", "TERM": "dumb"},
    )
    out = tmp_path / "out"
    try:
        shell.expect_exact("READY> ")
        for line in injected_source("bash", parameters).splitlines():
            shell.sendline(line)
            shell.expect_exact("READY> ")
        for name in parameters:
            shell.sendline(f'printf "%s\\0" "${name}" >> {out}')
            shell.expect_exact("READY> ")
    finally:
        shell.close(force=True)
    assert out.read_bytes().split(b"\0")[:-1] == [one.encode() for one in parameters.values()]


@pytest.mark.skipif(bash is None, reason="there is no bash")
@pytest.mark.parametrize(
    "name", ["PROMPT_COMMAND", "PS1", "PS4", "BASH_ENV", "IFS", "PATH", "RANDOM", "SECONDS", "UID"]
)
def test_a24_variables_that_bash_acts_on_are_refused(name):
    """`PROMPT_COMMAND=id` runs id at the next prompt, assigning SECONDS evaluates arithmetic."""
    with pytest.raises(InvalidInput, match="bash itself uses"):
        injected_source("bash", {name: "a[$(touch /tmp/pwned)]"})


@pytest.mark.skipif(bash is None, reason="there is no bash")
def test_a24_every_variable_that_bash_itself_sets_is_reserved():
    """Whatever a fresh bash has set or made special can't be a parameter."""
    done = subprocess.run(
        [bash, "--norc", "--noprofile", "-c", "compgen -v; compgen -k"],
        capture_output=True,
        check=True,
        text=True,
        env={"PATH": os.environ["PATH"]},
    )
    dialect = dialect_of("bash")
    assert dialect is not None
    found = [word for word in done.stdout.split() if word.isidentifier()]
    allowed = {"HOSTNAME", "HOSTTYPE", "MACHTYPE", "OSTYPE", "SHLVL", "TERM"}  # mere text
    assert [word for word in found if not dialect.reserved.fullmatch(word)] == sorted(
        allowed & set(found), key=found.index
    )


# ---------------------------------------------------------------- JavaScript

node = shutil.which("node")


@pytest.mark.skipif(node is None, reason="there is no node")
def test_a24_javascript_values_round_trip():
    """A real node holds the same data; keys stay keys, whatever they are called."""
    cases: list[Any] = [
        *NASTY,
        "\ud800 half",
        {text: text for text in NASTY},
        {"__proto__": {"polluted": 1}, "constructor": 2},
        [1, -5, 2**53, -(2**53), 0.1, 1e300, True, False, None, [], {}],
    ]
    parameters = {f"p{index}": value for index, value in enumerate(cases)}
    script = injected_source("javascript", parameters) + "".join(
        f"console.log(JSON.stringify({name}));\n" for name in parameters
    )
    done = subprocess.run([node, "-"], input=script.encode(), capture_output=True, check=True)
    assert [json.loads(line) for line in done.stdout.splitlines()] == cases
    special = injected_source("javascript", {"a": float("nan"), "b": float("-inf")})
    script = special + "console.log(Number.isNaN(a), b === -Infinity, {}.polluted);"
    done = subprocess.run([node, "-"], input=script.encode(), capture_output=True, check=True)
    assert done.stdout == b"true true undefined\n"


# ---------------------------------------------------------------- languages that aren't here

C_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "\\": "\\", "$": "$"}


def read_c_like(literal: str) -> str:
    """The text of a double-quoted literal, read strictly: an escape that isn't known fails."""
    assert literal[0] == literal[-1] == '"'
    body = literal[1:-1]
    assert re.fullmatch(r'(?:[^"\\\n\r]|\\.)*', body), literal
    assert all(char.isprintable() for char in body)

    def one(match: re.Match[str]) -> str:
        if match[1]:
            return chr(int(match[1], 16))
        if match[2]:
            return chr(int(match[2], 16))
        return C_ESCAPES[match[3]]

    text = re.sub(r"\\(?:u([0-9a-f]{4})|U([0-9a-f]{8})|(.))", one, body)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


@pytest.mark.parametrize("language", ["r", "julia", "scala", "c#", "f#", "javascript"])
@settings(max_examples=200, deadline=None)
@given(text=whole_text)
def test_a24_double_quoted_strings_hold_what_was_given(language, text):
    """No quote, line end or escape of the text is left to mean anything."""
    dialect = dialect_of(language)
    assert dialect is not None
    literal = dialect.literal(text)
    assert read_c_like(literal) == text
    if language == "julia":
        assert not re.search(r"(?<!\\)(?:\\\\)*\$", literal)
    if language == "scala":
        unpaired = literal.replace("\\\\", "")
        assert not re.search(r"\\u00(?:22|0a|0d|5c)", unpaired)


@pytest.mark.parametrize("language", ["powershell", "matlab", "octave"])
@settings(max_examples=200, deadline=None)
@given(text=whole_text)
def test_a24_strings_without_escapes_hold_what_was_given(language, text):
    """Quotes are doubled, and what isn't printable goes by its number."""
    dialect = dialect_of(language)
    assert dialect is not None
    literal = dialect.literal(text)
    if language == "powershell":
        assert re.fullmatch(
            "'(?:[^'\u2018\u2019\u201a\u201b]|(['\u2018\u2019\u201a\u201b])\\1)*'", literal
        )
        inner = re.sub("(['\u2018\u2019\u201a\u201b])\\1", r"\1", literal[1:-1])
        assert inner == text
        return
    assert literal.isprintable()
    if language == "matlab" and text.isprintable():
        assert re.fullmatch(r'"(?:[^"]|"")*"', literal)
        assert literal[1:-1].replace('""', '"') == text
        return
    inner = literal.removeprefix("string(").removesuffix(")") if language == "matlab" else literal
    encoding, width = ("utf-16-le", 2) if language == "matlab" else ("utf-8", 1)
    raw = b""
    for quoted, codes in re.findall(r"'((?:[^']|'')*)'|char\(\[([0-9, ]+)\]\)", inner):
        raw += quoted.replace("''", "'").encode(encoding) if quoted else b""
        raw += b"".join(int(code).to_bytes(width, "little") for code in codes.split(",") if code)
    assert raw.decode(encoding) == text
    left = re.sub(r"'((?:[^']|'')*)'|char\(\[[0-9, ]+\]\)", "", inner)
    assert set(left) <= set("[], ")


@pytest.mark.parametrize("language", [one for one in languages() if one != "Python"])
def test_what_a_language_cannot_hold_is_refused_not_changed(language):
    """Half characters where strings are UTF-8; whole numbers that would be rounded."""
    dialect = dialect_of(language)
    assert dialect is not None
    if language not in {"Scala", "C#", "F#", "JavaScript"}:
        with pytest.raises(Unwritable, match="half of a character"):
            dialect.literal("\ud800")
    if language in {"R", "MATLAB", "Octave", "JavaScript"}:
        assert dialect.literal(2**53)
        with pytest.raises(Unwritable, match="too large"):
            dialect.literal(2**53 + 1)
    elif language not in {"Julia", "bash"}:
        with pytest.raises(Unwritable, match="too large"):
            dialect.literal(2**63)
    if language in {"R", "bash", "PowerShell"}:
        with pytest.raises(Unwritable, match="NUL"):
            dialect.literal("\0")


@pytest.mark.parametrize(
    ("kernel", "language"),
    [("python3", "python"), ("ir", "R"), ("julia", "julia"), ("scala", "scala"), ("bash", "bash")],
)
def test_plain_values_are_written_as_papermill_writes_them(kernel, language):
    """A notebook made for papermill finds what it expects."""
    theirs = papermill_translators.find_translator(kernel, language)
    ours = dialect_of(language)
    assert ours is not None
    plain: list[Any] = [1, -2, 0.5, True, False, "abc", "two words", [1, 2], ["a", "b"]]
    if language not in {"bash", "julia"}:
        plain += [{"a": 1}, {"a": [1, 2]}]
    for value in plain:
        mine, other = ours.literal(value), theirs.translate(value)
        if language == "bash":  # quotes that make no difference to a shell
            mine, other = mine.replace("'", ""), other.replace("'", "")
        if language == "python":
            assert eval(mine) == eval(other)
        else:
            assert mine == other


def test_an_unknown_language_is_refused_with_those_that_are_known():
    """And a way out is named."""
    with pytest.raises(InvalidInput, match=r"brainfuck.*Julia.*Python") as caught:
        injected_source("brainfuck", {"a": 1})
    assert "--env" in caught.value.hint


def test_all_values_that_cannot_be_written_are_named_at_once():
    """One refusal, every place."""
    with pytest.raises(InvalidInput) as caught:
        injected_source("R", {"a": 2**60, "b": "\ud800", "c": 1, "TRUE": 2})
    assert [one["where"] for one in caught.value.problems] == [
        "parameters.a",
        "parameters.b",
        "parameters.TRUE",
    ]


def test_variables_taken_along_are_set_and_nothing_else(tmp_path):
    """The pickled names appear; no helper is left behind; the path is data."""
    directory = tmp_path / 'it\'s "odd"\n'
    directory.mkdir()
    path = directory / "values.pkl"
    code = f"import pickle; open({str(path)!r}, 'wb').write(pickle.dumps({{'a': [1], 'b': 'x'}}))"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert executed(values_source(str(path))) == {"a": [1], "b": "x"}
