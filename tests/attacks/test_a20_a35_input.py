"""What is sent as data stays data, and too much of it is refused."""

from __future__ import annotations

import gzip
import json
import time
from typing import Any

import pytest

from jupyter_mlops.cli.files import read_parameters
from jupyter_mlops.errors import InvalidInput, MlopsError
from jupyter_mlops.settings import parse

from .conftest import notebook

NASTY = {
    "quotes": "'\"'''\"\"\"\\",
    "newlines": "a\nb\r\nc\u2028d\u2029e\x85f\x0bg\x0ch",
    "nul": "a\0b",
    "escapes": "\x1b[31m\x07\x08",
    "format": "{x} %s %(a)s ${HOME} $(id) `id` {{ }} {pm[x].__class__}",
    "code": "1; import os; os.system('id')",
    "end_of_string": '""" + __import__("os").getcwd() + """',
    "surrogate_pair": "🚀 é ü 报告 \u202e",
    "numbers": [0, -1, 2**63, 2**200, 0.1, 1e308, -0.0, 5e-324],
    "constants": [True, False, None],
    "empty": ["", [], {}],
    "deep": [[[[[[{"a": [{"b": {}}]}]]]]]],
    "keys": {"a b": 1, "": 2, "__class__": 3, "'": 4, "\n": 5, "🚀": 6},
    "looks_typed": ["NaN", "Infinity", "null", "true", "0x10", "1_000", "2020-01-01", "no"],
    "long": "x" * 100_000,
}


def test_a24_values_arrive_as_data(site: Any) -> None:
    """Whatever they hold, the notebook sees just that."""
    names = sorted(NASTY)
    source = (
        "import json\n"
        f"found = {{name: globals()[name] for name in {names!r}}}\n"
        "open('found.json', 'w').write(json.dumps(found))"
    )
    (site.root / "nasty.ipynb").write_text(notebook(source, parameters="quotes = ''"))
    job = site.ended(site.submit({"notebook": "nasty.ipynb", "parameters": NASTY})["id"])
    assert job["state"] == "succeeded", job["failure"]
    assert json.loads((site.root / "found.json").read_text()) == NASTY
    assert job["spec"]["parameters"] == NASTY


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "[NaN]", '{"a": [Infinity]}'])
def test_a24_what_json_has_not(site: Any, value: str) -> None:
    """Is refused with its place."""
    body = f'{{"spec": {{"notebook": "work.ipynb", "parameters": {{"lr": {value}}}}}}}'
    headers = {"Content-Type": "application/json"}
    answer = site.ask("POST", "api/v1/jobs", body=body.encode(), headers=headers)
    assert answer.status == 422
    assert answer.json()["problems"]


@pytest.mark.parametrize(
    "name",
    [
        "x=1\nimport os; os.system('touch owned')",
        "x\n",
        "x = 1; y",
        "a.b",
        "a[0]",
        "a b",
        "1a",
        "",
        "class",
        "None",
        "\uff41",
        "é",
        "x\0",
        "a" * 100_000 + "!",
        "__import__('os')",
        "$(id)",
        "{x}",
    ],
)
def test_a23_names_are_identifiers(site: Any, name: str) -> None:
    """Nothing else can be a parameter: it would be written into the notebook."""
    before = site.job_count()
    spec = {"notebook": "work.ipynb", "parameters": {name: 1}}
    answer = site.ask("POST", "api/v1/jobs", body={"spec": spec})
    assert (answer.status, answer.code) == (422, "invalid_input")
    assert answer.json()["problems"][0]["where"].startswith("spec.parameters")
    assert len(answer.body) < 10_000
    assert site.job_count() == before


@pytest.mark.parametrize(
    "env",
    [
        {"LD_PRELOAD": "x.so"},
        {"LD_LIBRARY_PATH": "/x"},
        {"DYLD_INSERT_LIBRARIES": "x"},
        {"MLOPS_JOB_ID": "x"},
        {"PYTHONSTARTUP": "x"},
        {"PYTHONHOME": "/x"},
        {"BASH_ENV": "x"},
        {"A\nB": "x"},
        {"A=B": "x"},
        {"": "x"},
        {"A B": "x"},
        {"É": "x"},
        {"A": "x\0y"},
        {"A": "x" * 40_000},
        {"A": 1},
    ],
)
def test_a26_environment_variables(site: Any, env: dict[str, Any]) -> None:
    """None that changes how programs are loaded, none whose name can't be one."""
    answer = site.ask("POST", "api/v1/jobs", body={"spec": {"notebook": "work.ipynb", "env": env}})
    assert (answer.status, answer.code) == (422, "invalid_input")


def test_a26_environment_values_are_data(site: Any) -> None:
    """No shell sees them."""
    value = "$(touch owned) `id` \n ; $HOME 'x' \""
    job = site.run(
        "import os; open('env.txt', 'w').write(os.environ['GIVEN'])", env={"GIVEN": value}
    )
    assert job["state"] == "succeeded"
    assert (site.root / "env.txt").read_text() == value
    assert not (site.root / "owned").exists()


@pytest.mark.parametrize(
    "query",
    [
        "name=' OR 1=1--",
        "name=%25",
        "name=_",
        "name=\\",
        "name=%27%3B%20DROP%20TABLE%20jobs%3B--",
        "name=(a%2B)%2B%24",
        "name=%00",
        "sort_by=__class__",
        "cursor=' OR 1=1",
        "cursor=%00",
        "cursor=" + "9" * 150,
        "notebook=%25",
        "state=running' OR '1'='1",
        "limit=1%3BDROP",
    ],
)
def test_a30_questions_are_no_sql(site: Any, query: str, done_job: dict[str, Any]) -> None:
    """A pattern's signs mean themselves; what isn't understood is refused."""
    from urllib.parse import quote, unquote

    answer = site.ask("GET", f"api/v1/jobs?{quote(query, safe='=%')}")
    assert answer.status in (200, 400, 422), answer
    field, _, asked = query.partition("=")
    if answer.status == 200 and field in ("name", "notebook"):
        # Other tests' jobs have such names, and are rightly found; this one hasn't.
        listed = answer.json()["jobs"]
        assert all(unquote(asked) in job[field] for job in listed)
        assert done_job["id"] not in [job["id"] for job in listed]
    assert site.ask("GET", f"api/v1/jobs/{done_job['id']}").status == 200


def test_a32_no_escapes_in_logs(site: Any) -> None:
    """Nobody who reads them has his terminal obey."""
    source = (
        "print('\\x1b]0;owned\\x07\\x1b[2Jred\\x1b[31m \\x9b31m \\x1bPx\\x1b\\\\ back\\x08space')\n"
        "import sys; sys.stderr.write('\\x1b[1Aup\\n')\n"
        "raise ValueError('\\x1b[31mno')"
    )
    job = site.run(source)
    assert job["state"] == "failed"
    log = site.ask("GET", f"api/v1/jobs/{job['id']}/log").body.decode()
    assert "red" in log
    shown = [log, job["last_output"], json.dumps(job, ensure_ascii=False)]
    for text in shown:
        assert not set(text) & {"\x1b", "\x07", "\x08", "\x9b"}, text


@pytest.mark.parametrize(
    "query", ["name=" + "a" * 10_000, "cursor=" + "a" * 10_000, "notebook=" + "a" * 10_000]
)
def test_a33_long_questions(site: Any, query: str) -> None:
    """Are refused, and nobody waits for them."""
    answer = site.ask("GET", f"api/v1/jobs?{query}")
    assert answer.status in (400, 422)


def test_a33_a_long_question_is_refused_by_the_head(site: Any) -> None:
    """Before it is anything at all."""
    try:
        answer = site.ask("GET", "api/v1/jobs?name=" + "a" * 200_000)
    except ConnectionError:
        return
    assert answer.status in (400, 413, 414, 431, 422)


def deep(depth: int) -> bytes:
    """A list in a list in a list."""
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize("depth", [1_000, 100_000, 1_000_000])
@pytest.mark.parametrize(
    "body",
    [
        b"%s",
        b'{"spec": {"notebook": "work.ipynb", "parameters": {"lr": %s}}}',
        b'{"spec": {"notebook": "deep.ipynb"}, "content": {"cells": %s}}',
        b'{"spec": {"notebook": "work.ipynb", "tags": %s}}',
    ],
)
def test_a34_deep_json(site: Any, depth: int, body: bytes) -> None:
    """Is refused, not a crash."""
    headers = {"Content-Type": "application/json"}
    answer = site.ask("POST", "api/v1/jobs", body=body % deep(depth), headers=headers)
    assert answer.status in (400, 413, 422), answer
    assert answer.code
    assert site.ask("GET", "api/v1/status").status == 200


def test_a34_a_gigabyte(site: Any) -> None:
    """Is refused by its declared length."""
    connection = site.jupyter.connect()
    try:
        connection.putrequest("POST", site.jupyter.url("api/v1/jobs"))
        connection.putheader("Authorization", "token a-token-that-no-log-may-hold")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(2**30))
        connection.endheaders()
        response = connection.getresponse()
        assert response.status == 413
        assert json.loads(response.read())["code"] == "too_large"
    finally:
        connection.close()


def test_a20_what_is_packed_stays_packed(site: Any) -> None:
    """A small body that unpacks to gigabytes is just no JSON."""
    bomb = gzip.compress(b"0" * 50_000_000)
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = site.ask("POST", "api/v1/jobs", body=bomb, headers=headers)
    assert answer.status in (400, 415, 422)


def test_a20_values_that_are_no_base64(site: Any) -> None:
    """Are refused with their place."""
    body = {"spec": {"notebook": "work.ipynb"}, "values": "§" * 10}
    answer = site.ask("POST", "api/v1/jobs", body=body)
    assert answer.status == 422
    assert answer.json()["problems"][0]["where"] == "values"


def test_a45_nobody_but_the_kernel_loads_values(site: Any) -> None:
    """A pickle that would write a file writes none while its job waits, is shown, is cancelled."""
    import base64
    import pickle

    class Evil:
        """Writes a file when it is loaded."""

        def __reduce__(self) -> Any:
            return (open, (str(site.root / "loaded"), "w"))

    values = base64.b64encode(pickle.dumps({"x": Evil()})).decode()
    cpus = site.ask("GET", "api/v1/status").json()["capacity"]["cpus"]
    needs = {"resources": {"cpus": cpus}}
    (site.root / "long.ipynb").write_text(notebook("import time; time.sleep(600)"))
    first = site.submit({"notebook": "long.ipynb", **needs})["id"]
    evil = site.submit({"notebook": "work.ipynb", **needs}, values=values)["id"]
    assert site.ask("GET", f"api/v1/jobs/{evil}").json()["state"] == "queued"
    assert site.ask("GET", f"api/v1/jobs/{evil}/notebook-info").status == 200
    for job in (evil, first):
        site.ask("POST", f"api/v1/jobs/{job}/cancel")
        assert site.ended(job)["state"] == "cancelled"
    assert not (site.root / "loaded").exists()
    run = site.submit({"notebook": "work.ipynb"}, values=values)["id"]
    assert site.ended(run)["state"] == "succeeded"
    assert (site.root / "loaded").exists(), "the kernel does load them: the pickle is a real one"


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        "a: !!python/object/apply:os.system ['touch owned']",
        "a: !!python/name:os.system",
        "a: !<tag:yaml.org,2002:python/object/new:os.system> [x]",
        "[" * 10_000,
        "a: &a [*a]",
    ],
)
def test_a35_yaml_is_only_data(tmp_path: Any, text: str) -> None:
    """In parameter files and in the settings."""
    path = tmp_path / "params.yaml"
    path.write_text(text)
    began = time.process_time()
    with pytest.raises(MlopsError):
        read_parameters(str(path))
    with pytest.raises(InvalidInput):
        parse(text.encode(), "mlops.yaml")
    assert time.process_time() - began < 20, "a bomb takes minutes"
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\x00}\x00",
        b'{"cells": [',
        b'{"nbformat": 4}',
        b'{"nbformat": 3, "worksheets": []}',
        b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [NaN]}',
        b"[" * 100_000,
        b'{"a": ' * 100_000,
    ],
)
def test_f34_broken_notebooks(site: Any, raw: bytes) -> None:
    """Are a 422 that names the place, never a traceback."""
    (site.root / "broken.ipynb").write_bytes(raw)
    for path, body in (
        ("api/v1/jobs", {"spec": {"notebook": "broken.ipynb"}}),
        ("api/v1/notebooks/inspect", {"notebook": "broken.ipynb"}),
    ):
        answer = site.ask("POST", path, body=body)
        if path.endswith("inspect") and answer.status == 200:
            assert answer.json()["problems"]
            continue
        assert answer.status == 422, answer
        assert answer.json()["detail"]
        assert "Traceback" not in answer.body.decode()
