"""Reading what a person typed: options, parameters, durations, sizes, files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlops.cli.files import JSON_MAX, YAML_MAX, read_parameters
from jupyter_mlops.cli.options import parse
from jupyter_mlops.cli.values import (
    Unreadable,
    ambiguous,
    read_duration,
    read_number,
    read_pair,
    read_size,
    read_text,
    read_typed,
    read_whole,
)
from jupyter_mlops.cli.verbs import VERBS
from jupyter_mlops.errors import InvalidInput, TooLarge

RUN = next(verb for verb in VERBS if verb.name == "run")
LOGS = next(verb for verb in VERBS if verb.name == "logs")
CANCEL = next(verb for verb in VERBS if verb.name == "cancel")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1", 0.1),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("-7", -7),
        ("1_000", 1000),
        ("true", True),
        ("False", False),
        ("null", None),
        ("None", None),
        ("[64, 64]", [64, 64]),
        ("['a', None, True]", ["a", None, True]),
        ("(1, 2)", "(1, 2)"),
        ('{"a": [1, {"b": null}]}', {"a": [1, {"b": None}]}),
        ('"0.1"', "0.1"),
        ("", ""),
        ("  spaced  ", "  spaced  "),
        ("yes", "yes"),
        ("nan", "nan"),
        ("1.2.3", "1.2.3"),
        ("$(id)", "$(id)"),
        ("報告 🚀", "報告 🚀"),
    ],
)
def test_a_text_without_a_type(text: str, value: Any) -> None:
    """Numbers, booleans, null, lists and dicts are read; everything else is text."""
    found = read_text(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "text", ["[1, 2", "{a: 1}", "[NaN]", "[" * 100_000, '{"a"}', "[open('x')]"]
)
def test_a_list_that_isnt_one(text: str) -> None:
    """What begins as a list or dict and isn't one is refused, not passed on as text."""
    with pytest.raises(Unreadable):
        read_text(text)


def test_a_number_too_long_to_read() -> None:
    """A hundred thousand digits are refused before they cost anything."""
    with pytest.raises(Unreadable, match="too many digits"):
        read_text("9" * 100_000)
    with pytest.raises(Unreadable):
        read_text("9" * 1000 + ".0")


@pytest.mark.parametrize(
    ("text", "declared", "value"),
    [
        ("0.1", "str", "0.1"),
        ("true", "str", "true"),
        ("[1]", "str", "[1]"),
        ("null", "str", "null"),
        ("1", "float", 1.0),
        ("1e3", "float", 1000.0),
        ("3", "int", 3),
        ("0.5", "int", 0.5),
        ("yes", "bool", True),
        ("0", "bool", False),
        ("OFF", "bool", False),
        ("None", "int", None),
        ("[1, 'a']", "list", [1, "a"]),
        ('{"a": 1}', "dict", {"a": 1}),
        ("5", "unknown", 5),
        ("x", "none", "x"),
    ],
)
def test_a_text_of_a_declared_type(text: str, declared: str, value: Any) -> None:
    """The type that the notebook declares decides: a text stays text."""
    found = read_typed(text, declared)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "declared"),
    [("abc", "int"), ("1,5", "float"), ("maybe", "bool"), ("1", "list"), ("[1]", "dict")],
)
def test_a_text_that_isnt_of_its_type(text: str, declared: str) -> None:
    """It is refused with what was wanted."""
    with pytest.raises(Unreadable):
        read_typed(text, declared)


@given(st.text())
def test_a24_a_text_parameter_is_data(text: str) -> None:
    """Whatever is given for a text is that text."""
    assert read_typed(text, "str") == text


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.text()
        | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    ).filter(lambda value: isinstance(value, (list, dict)))
)  # fmt: skip
def test_a24_json_comes_through(value: Any) -> None:
    """A list or dict in JSON is read as exactly that."""
    assert read_text(json.dumps(value)) == value


@given(st.text())
def test_only_the_ambiguous_is_asked_for(text: str) -> None:
    """What isn't called ambiguous is the same text for every type that takes text."""
    if not ambiguous(text):
        assert read_text(text) == text == read_typed(text, "str")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("45s", 45), ("30m", 1800), ("1.5h", 5400), ("1d", 86400), ("1h30m", 5400)],
)
def test_durations(text: str, seconds: float) -> None:
    """Seconds, or with a unit."""
    assert read_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-5", "5x", "h", "1h30", "nan", "1e9", "9" * 400])
def test_what_isnt_a_duration(text: str) -> None:
    """Is refused."""
    with pytest.raises(Unreadable):
        read_duration(text)


@pytest.mark.parametrize(
    ("text", "count"),
    [("512M", 2**29), ("2G", 2**31), ("1.5GiB", 3 * 2**29), ("100", 100), ("4kb", 4096)],
)
def test_sizes(text: str, count: int) -> None:
    """Bytes, or with a unit of 1024."""
    assert read_size(text) == count


@pytest.mark.parametrize("text", ["", "G", "-1G", "2X", "1e3", "9" * 30])
def test_what_isnt_a_size(text: str) -> None:
    """Is refused."""
    with pytest.raises(Unreadable):
        read_size(text)


@pytest.mark.parametrize("text", ["", "-1", "1.5", "٣", "9" * 30])
def test_what_isnt_a_whole_number(text: str) -> None:
    """Also digits of other scripts, which `int` would take."""
    with pytest.raises(Unreadable):
        read_whole(text)


@pytest.mark.parametrize("text", ["0", "-1", "x", "1e999", "inf"])
def test_what_isnt_a_number_above_zero(text: str) -> None:
    """Is refused."""
    with pytest.raises(Unreadable):
        read_number(text)


def test_pairs() -> None:
    """The value may hold "=" and be empty; the name may not."""
    assert read_pair("a=b=c") == ("a", "b=c")
    assert read_pair("a=") == ("a", "")
    for text in ("a", "=b", " =b"):
        with pytest.raises(Unreadable):
            read_pair(text)


def test_options_in_every_spelling() -> None:
    """Apart, together, with "=", repeated, after the argument, and behind "--"."""
    given_ = parse(
        RUN,
        ["-p", "a=1", "-pb=2", "nb.ipynb", "--param=c=3", "--name", "-x", "--cold", "--retries=2"],
    )
    assert given_.many("param") == ["a=1", "b=2", "c=3"]
    assert given_.positional == ["nb.ipynb"]
    assert given_.text("name") == "-x"
    assert given_.text("retries") == "2"
    assert given_.flag("cold")
    assert not given_.flag("detach")
    assert parse(RUN, ["--", "-nb.ipynb"]).positional == ["-nb.ipynb"]
    assert parse(CANCEL, ["a", "b"]).positional == ["a", "b"]
    assert parse(LOGS, ["-f", "x"]).flag("follow")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "needs NOTEBOOK"),
        (["a", "b"], "doesn't take 'b'"),
        (["a", "--retrys", "2"], "Did you mean --retries?"),
        (["a", "--name"], "needs a value"),
        (["a", "-p"], "needs a value"),
        (["a", "--cold=yes"], "takes no value"),
        (["a", "-z"], "no option -z"),
        (["a", "--"], None),
    ],
)
def test_a_wrong_command_line(words: list[str], said: str | None) -> None:
    """Each mistake is named, with a suggestion where one is close."""
    if said is None:
        assert parse(RUN, words).positional == ["a"]
        return
    with pytest.raises(InvalidInput) as caught:
        parse(RUN, words)
    assert said in caught.value.detail
    assert "--help" in caught.value.hint


def write(directory: Path, text: str | bytes, name: str = "p.yaml") -> str:
    """A file with that text."""
    path = directory / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def test_a_yaml_file(tmp_path: Path) -> None:
    """Read as YAML 1.2: what YAML 1.1 makes of these would surprise."""
    text = "lr: 1e-3\nlayers: [64, 64]\nflag: true\ncountry: no\nday: 2020-01-01\nat: 12:30\nn:\n"
    assert read_parameters(write(tmp_path, text)) == {
        "lr": 0.001,
        "layers": [64, 64],
        "flag": True,
        "country": "no",
        "day": "2020-01-01",
        "at": "12:30",
        "n": None,
    }


def test_files_that_hold_nothing(tmp_path: Path) -> None:
    """Empty ones are no parameters."""
    assert read_parameters(write(tmp_path, "")) == {}
    assert read_parameters(write(tmp_path, "# later\n")) == {}
    assert read_parameters(write(tmp_path, "", "p.json")) == {}


def test_a_json_file(tmp_path: Path) -> None:
    """Also with a byte order mark."""
    path = write(tmp_path, b'\xef\xbb\xbf{"lr": 0.1, "s": "\\u00fc"}', "p.JSON")
    assert read_parameters(path) == {"lr": 0.1, "s": "ü"}


def test_aliases_within_reason(tmp_path: Path) -> None:
    """Anchors are allowed; what they stand for is counted."""
    text = "base: &b {lr: 0.1}\nbig:\n  <<: *b\n  n: 2\n"
    assert read_parameters(write(tmp_path, text))["big"] == {"lr": 0.1, "n": 2}


def test_a35_a_yaml_alias_bomb(tmp_path: Path) -> None:
    """Nine levels of nine aliases would be 387 million values; it is refused at once."""
    levels = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        levels.append(f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]")
    with pytest.raises(TooLarge, match="100000 values"):
        read_parameters(write(tmp_path, "\n".join(levels)))


def test_a35_a_yaml_file_that_holds_itself(tmp_path: Path) -> None:
    """An alias within its own anchor is refused."""
    with pytest.raises(InvalidInput, match="nested"):
        read_parameters(write(tmp_path, "a: &a [*a]"))


@pytest.mark.parametrize(
    "tag",
    ["!!python/object/apply:os.system", "!!python/name:os.system", "!!python/object/new:set", "!x"],
)
def test_a35_yaml_tags_run_nothing(tmp_path: Path, tag: str) -> None:
    """Objects of Python's are refused with the place."""
    marker = tmp_path / "ran"
    with pytest.raises(InvalidInput, match="line 1, column 4"):
        read_parameters(write(tmp_path, f"a: {tag} ['touch {marker}']"))
    assert not marker.exists()


@pytest.mark.parametrize("name", ["p.yaml", "p.json"])
def test_f34_depth_is_bounded(tmp_path: Path, name: str) -> None:
    """A hundred thousand brackets are refused, in both formats, without a crash."""
    text = ('{"a": ' if name.endswith("json") else "a: ") + "[" * 100_000
    with pytest.raises(InvalidInput, match="nested"):
        read_parameters(write(tmp_path, text, name))


@pytest.mark.parametrize(("name", "limit"), [("p.yaml", YAML_MAX), ("p.json", JSON_MAX)])
def test_a34_size_is_bounded(tmp_path: Path, name: str, limit: int) -> None:
    """A file over the limit isn't read."""
    with pytest.raises(TooLarge, match="limit"):
        read_parameters(write(tmp_path, b" " * (limit + 1), name))


def test_a_device_isnt_read_for_ever() -> None:
    """Not even one without a size."""
    with pytest.raises(TooLarge):
        read_parameters("/dev/zero")


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("- 1\n- 2\n", "p.yaml", "a list"),
        ("42", "p.json", "a single value"),
        ("a: [1,\nb", "p.yaml", "line 2"),
        ('{"a": 1', "p.json", "line 1"),
        ("a: .nan", "p.yaml", "nan in a"),
        ("1: x", "p.yaml", "the name 1 isn't text"),
        ("a: 1\n---\nb: 2", "p.yaml", "another document"),
        (b"a: \xff", "p.yaml", "isn't UTF-8"),
        (b"a: \x00", "p.yaml", "can't be used"),
        ("a: 99999999999999999999" + "9" * 5000, "p.yaml", "can't be used"),
    ],
)
def test_f34_a_file_that_cant_be_used(
    tmp_path: Path, text: str | bytes, name: str, said: str
) -> None:
    """File and place are named."""
    path = write(tmp_path, text, name)
    with pytest.raises(InvalidInput) as caught:
        read_parameters(path)
    assert path in caught.value.detail
    assert said in caught.value.detail
    assert caught.value.hint


def test_a_file_that_isnt_there(tmp_path: Path) -> None:
    """Is named."""
    with pytest.raises(InvalidInput, match="No such file"):
        read_parameters(str(tmp_path / "none.yaml"))
    with pytest.raises(InvalidInput, match="directory"):
        read_parameters(str(tmp_path))
