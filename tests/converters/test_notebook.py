from __future__ import annotations

import contextlib
import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlops.converters.notebook import (
    MAX_BYTES,
    check_notebook,
    code_cells,
    kernel_of,
    notebook_bytes,
    read_notebook,
    strip_outputs,
)
from jupyter_mlops.errors import MlopsError, NotebookInvalid, TooLarge


def test_a_notebook_is_read_from_a_path_and_from_bytes(notebook_of, tmp_path):
    """Both give the same; sources written as lists of lines are joined."""
    made = notebook_of("a = 1\nb = 2")
    made["cells"][0]["source"] = ["a = 1\n", "b = 2"]
    path = tmp_path / "one.ipynb"
    path.write_text(json.dumps(made))
    assert read_notebook(path) == read_notebook(path.read_bytes())
    assert list(code_cells(read_notebook(path))) == [(0, "a = 1\nb = 2")]


def test_blank_and_markdown_cells_do_not_run(notebook_of):
    """Only code cells with something in them are counted, with their place among all cells."""
    made = notebook_of("", "  \n", "x")
    made["cells"].insert(0, {"cell_type": "markdown", "id": "m", "metadata": {}, "source": "# T"})
    assert list(code_cells(check_notebook(made))) == [(3, "x")]


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b"", "line 1, column 1"),
        (b"  \n\n", "empty"),
        (b"\xef\xbb\xbf{}", "byte order mark (line 1, column 1)"),
        ("{}".encode("utf-16"), "UTF-16"),
        (b'{\n "cells": [\n  {"x": NaN}]}', "line 3, column 9: NaN"),
        (b'{"text": "NaN", "y": -Infinity}', "line 1, column 22: -Infinity"),
        (b'{\n "cells": [', "line 2, column 12"),
        (b'{"nbformat": 4, "metadata": {"na', "line 1, column 30"),
        (b'{"a": "\xff"}', "line 1, column 8"),
        (b"[" * 100_000, "line 1, column 201"),
        (b'{"a":' * 100_000, "deeper than 200"),
        (b'{"a":' * 300 + b"1" + b"}" * 300, "deeper than 200"),
        (b"[1, 2]", "a list where an object"),
        (b'"text"', "a string where an object"),
        (b'{"a": ' + b"1" * 5000 + b"}", "too many digits"),
        (b"{}", "nbformat is missing"),
        (b'{"nbformat": 3, "worksheets": []}', "nbformat 3"),
        (b'{"worksheets": [{"cells": []}]}', "nbformat 3"),
        (b'{"nbformat": 2}', "nbformat 2"),
        (b'{"nbformat": 5, "cells": []}', "nbformat 5"),
        (b'{"nbformat": "4"}', "nbformat must be a whole number, not a string"),
        (b'{"nbformat": true}', "nbformat must be a whole number"),
        (b'{"nbformat": 4}', "cells is missing"),
        (b'{"nbformat": 4, "cells": {}}', "cells must be a list, not an object"),
        (b'{"nbformat": 4, "cells": [3]}', "cells[0] must be an object, not a number"),
        (b'{"nbformat": 4, "cells": [], "metadata": 1}', "metadata must be an object"),
        (
            b'{"nbformat": 4, "cells": [], "metadata": {"kernelspec": 1}}',
            "metadata.kernelspec must be an object",
        ),
        (
            b'{"nbformat": 4, "cells": [], "metadata": {"kernelspec": {"name": 3}}}',
            "metadata.kernelspec.name must be a string, not a number",
        ),
        (
            b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": [1]}]}',
            "cells[0].source",
        ),
        (b'{"nbformat": 4, "cells": [{"cell_type": "x", "source": ""}]}', "cells[0].cell_type"),
        (
            b'{"nbformat":4,"cells":[{"cell_type":"code","source":"","metadata":{"tags":"p"}}]}',
            "cells[0].metadata.tags",
        ),
        (
            b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": "", "outputs": {}}]}',
            "cells[0].outputs",
        ),
        (
            b'{"nbformat":4,"cells":[{"cell_type":"code","source":"","outputs":[{}]}]}',
            "cells[0].outputs[0].output_type",
        ),
        (
            b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": "x = \\"\\ud800\\""}]}',
            "cells[0].source: line 1, column 6",
        ),
        (b'{\n"a": 1,\n<<<<<<< HEAD\n"b": 2}', "merge conflicts: line 3"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else value[:40],
)
def test_f34_a_bad_notebook_is_refused_with_its_place(raw, place):
    """Fault 34: the message names the file and the place; nothing but NotebookInvalid is raised."""
    with pytest.raises(NotebookInvalid) as caught:
        read_notebook(raw, name="bad.ipynb")
    assert place in caught.value.detail
    assert caught.value.detail.startswith("bad.ipynb")
    assert caught.value.http_status == 422


def test_f34_a_truncated_notebook_names_the_place_wherever_it_ends(notebook_of):
    """Fault 34: cut after every byte, it is always refused, never taken and never a traceback."""
    raw = json.dumps(notebook_of("print('é')"), ensure_ascii=False, indent=1).encode()
    for length in range(len(raw)):
        with pytest.raises(NotebookInvalid, match=r"line \d+, column \d+"):
            read_notebook(raw[:length])


def test_f34_all_problems_are_reported_at_once(notebook_of):
    """Every place is in `problems`, the first one in the message."""
    made = notebook_of("a", "b")
    made["cells"][0]["source"] = 3
    made["cells"][1]["metadata"] = []
    made["metadata"]["language_info"] = []
    with pytest.raises(NotebookInvalid, match="and 2 more") as caught:
        check_notebook(made)
    assert [one["where"] for one in caught.value.problems] == [
        "metadata.language_info",
        "cells[0].source",
        "cells[1].metadata",
    ]


def test_f34_a_parsed_document_that_is_too_deep_is_refused(notebook_of):
    """What came through another parser is bounded too; 200 levels are fine."""
    made = notebook_of("a")
    deep: list[Any] = []
    for _ in range(200 - 4):  # below the document, its cells, a cell and its metadata
        deep = [deep]
    made["cells"][0]["metadata"]["x"] = deep[0]
    assert check_notebook(made)
    made["cells"][0]["metadata"]["x"] = [deep]
    with pytest.raises(NotebookInvalid, match="deeper than 200"):
        check_notebook(made)


def test_f34_files_that_cannot_be_read(tmp_path):
    """Missing, a directory, below a file, a name with NUL, a name that is too long."""
    (tmp_path / "file").write_text("")
    for path, said in (
        (tmp_path / "no.ipynb", "There is no notebook"),
        (tmp_path, "is a directory"),
        (tmp_path / "file" / "x.ipynb", "There is no notebook"),
        (f"{tmp_path}/a\0b", "can't be read"),
        (tmp_path / ("x" * 300), "can't be read: File name too long"),
    ):
        with pytest.raises(NotebookInvalid, match=said):
            read_notebook(path)


def test_f35_names_are_shown_without_what_a_terminal_would_act_on(tmp_path):
    """Fault 35, attack 32: control and bidirectional characters are escaped in messages."""
    with pytest.raises(NotebookInvalid) as caught:
        read_notebook(tmp_path / "a\x1b[31m\n\u202eb.ipynb")
    assert "a\\x1b[31m\\n\\u202eb.ipynb" in caught.value.detail


def test_a_notebook_over_the_limit_is_refused_without_reading_it_all(tmp_path):
    """A sparse file over the limit is too large, not a bad notebook."""
    path = tmp_path / "large.ipynb"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 2)
    with pytest.raises(TooLarge, match="256 MB"):
        read_notebook(path)


def test_the_hint_for_nbformat_3_works(tmp_path):
    """The command that the message gives makes a notebook that is read."""
    path = tmp_path / "old.ipynb"
    old = {
        "metadata": {"name": ""},
        "nbformat": 3,
        "nbformat_minor": 0,
        "worksheets": [
            {
                "metadata": {},
                "cells": [
                    {
                        "cell_type": "code",
                        "collapsed": False,
                        "input": "a = 1",
                        "language": "python",
                        "metadata": {},
                        "outputs": [],
                    }
                ],
            }
        ],
    }
    path.write_text(json.dumps(old))
    with pytest.raises(NotebookInvalid) as caught:
        read_notebook(path)
    command = caught.value.hint.split("`")[1].replace("NOTEBOOK", str(path)).split()
    jupyter = Path(sys.executable).with_name("jupyter")
    subprocess.run([jupyter, *command[1:]], check=True, capture_output=True)
    assert list(code_cells(read_notebook(path))) == [(0, "a = 1")]


def test_stripping_leaves_what_runs_and_nothing_of_the_last_run(notebook_of):
    """Outputs, counts, timings and widget state go; the original stays as it is."""
    made = notebook_of("a = 1", parameters="b = 2")
    made["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x"}]
    made["cells"][1]["execution_count"] = 3
    made["cells"][1]["metadata"] = {"execution": {"iopub.status.busy": "…"}, "mine": 1}
    made["metadata"]["widgets"] = {"state": {}}
    before = copy.deepcopy(made)
    clean = strip_outputs(check_notebook(made))
    assert made == before
    assert clean["cells"][1]["outputs"] == []
    assert clean["cells"][1]["execution_count"] is None
    assert clean["cells"][1]["metadata"] == {"mine": 1}
    assert "widgets" not in clean["metadata"]
    assert clean["cells"][0]["metadata"] == {"tags": ["parameters"]}


def test_equal_notebooks_give_equal_bytes_however_they_were_written(notebook_of):
    """Order of keys, lists of lines, outputs and counts make no difference to a snapshot."""
    one = notebook_of("a\nb")
    other: dict[str, Any] = json.loads(json.dumps(one, sort_keys=True))
    other["cells"][0] |= {"source": ["a\n", "b"], "execution_count": 7}
    other["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x"}]
    raws = [notebook_bytes(strip_outputs(check_notebook(made))) for made in (one, other)]
    assert raws[0] == raws[1]
    other["cells"][0]["source"] = "a\nc"
    assert notebook_bytes(strip_outputs(check_notebook(other))) != raws[0]


def test_missing_bad_and_doubled_cell_ids_are_replaced(notebook_of):
    """What is stripped is valid nbformat 4.5, the same each time; good ids are kept."""
    made = notebook_of("a", "a", "b", "c")
    made["nbformat_minor"] = 2
    for one, given_id in zip(made["cells"], [None, "same", "same", "not good!"], strict=True):
        one["id"] = given_id
        if given_id is None:
            del one["id"]
    clean = strip_outputs(check_notebook(made))
    ids = [one["id"] for one in clean["cells"]]
    assert len(set(ids)) == 4
    assert ids[1] == "same"
    assert strip_outputs(check_notebook(made)) == clean
    nbformat.validate(nbformat.reads(notebook_bytes(clean).decode(), as_version=4))


def test_half_characters_outside_of_code_are_replaced(notebook_of):
    """UTF-8 can't hold them; a title with one doesn't keep a notebook from running."""
    made = notebook_of("a = 1")
    made["cells"].append(
        {
            "cell_type": "markdown",
            "id": "m",
            "metadata": {"note\udc00": "\ud800"},
            "source": "\ud800",
        }
    )
    clean = strip_outputs(check_notebook(made))
    assert json.loads(notebook_bytes(clean))["cells"][1]["metadata"] == {"note\ufffd": "\ufffd"}


def test_nan_in_a_parsed_document_is_refused_with_its_place(notebook_of):
    """A document that came through a lenient parser can hold what no file can."""
    made = notebook_of("a")
    made["cells"][0]["metadata"]["scores"] = [1.0, float("nan")]
    with pytest.raises(NotebookInvalid) as caught:
        notebook_bytes(strip_outputs(check_notebook(made)))
    assert caught.value.problems[0]["where"] == "cells[0].metadata.scores[1]"


def test_f15_the_kernel_is_the_notebooks_own_or_the_given_one(notebook_of):
    """Its name, and what it says about itself."""
    notebook = check_notebook(notebook_of("a"))
    assert kernel_of(notebook).name == "python3"
    assert kernel_of(notebook).language == "python"
    assert kernel_of(notebook, "bash").name == "bash"
    assert kernel_of(notebook, "bash").language == ""


@pytest.mark.parametrize(
    ("metadata", "where"),
    [
        ({}, "metadata.kernelspec"),
        ({"kernelspec": {}}, "metadata.kernelspec"),
        ({"kernelspec": {"name": ""}}, "metadata.kernelspec"),
        ({"kernelspec": {"name": "../../etc"}}, "metadata.kernelspec.name"),
        ({"kernelspec": {"name": "a\nb"}}, "metadata.kernelspec.name"),
    ],
)
def test_f34_no_kernelspec_is_refused_with_a_way_out(notebook_of, metadata, where):
    """Fault 34: the place, and how to give a kernel; then it works."""
    made = notebook_of("a") | {"metadata": metadata}
    notebook = check_notebook(made)
    with pytest.raises(NotebookInvalid) as caught:
        kernel_of(notebook)
    assert caught.value.problems[0]["where"] == where
    assert where in caught.value.detail
    assert "--kernel NAME" in caught.value.hint
    assert kernel_of(notebook, "python3").name == "python3"


def test_a_kernel_name_that_is_a_path_is_refused(notebook_of):
    """Attack 12: a kernel's name becomes a directory's name."""
    with pytest.raises(NotebookInvalid, match="not the name of a kernel"):
        kernel_of(check_notebook(notebook_of("a")), "../../tmp/evil")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=10), children, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(json_values)
def test_f34_any_json_is_a_notebook_or_refused(value):
    """Whatever a file holds: a checked notebook or a MlopsError, nothing else."""
    with contextlib.suppress(MlopsError):
        check_notebook(value)


@settings(max_examples=300, deadline=None)
@given(
    st.fixed_dictionaries(
        {
            "nbformat": st.just(4),
            "cells": st.lists(
                json_values
                | st.fixed_dictionaries(
                    {
                        "cell_type": st.sampled_from(["code", "markdown", "raw", "x"]),
                        "source": json_values,
                    },
                    optional={
                        "metadata": json_values,
                        "outputs": json_values,
                        "id": json_values,
                        "execution_count": json_values,
                        "attachments": json_values,
                    },
                ),
                max_size=3,
            ),
        },
        optional={"metadata": json_values, "nbformat_minor": json_values},
    )
)
def test_f34_what_is_accepted_can_be_stripped_written_and_read_again(value):
    """Nothing that passes the check breaks what comes after it."""
    try:
        clean = strip_outputs(check_notebook(value))
        raw = notebook_bytes(clean)
    except MlopsError:
        return
    assert notebook_bytes(strip_outputs(read_notebook(raw))) == raw


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_f34_any_bytes_are_refused_or_read(raw):
    """No bytes raise anything but a MlopsError."""
    with contextlib.suppress(MlopsError):
        read_notebook(raw)


def test_reading_imports_nothing_heavy():
    """Start-up stays cheap: no nbformat, jsonschema, nbconvert, papermill or IPython."""
    code = (
        "import sys\n"
        "import jupyter_mlops.converters.notebook, jupyter_mlops.converters.parameters\n"
        "import jupyter_mlops.converters.imports, jupyter_mlops.converters.localcode\n"
        "import jupyter_mlops.converters.cell, jupyter_mlops.converters.html\n"
        "heavy = {'nbformat', 'jsonschema', 'nbconvert', 'papermill', 'IPython', 'pydantic',\n"
        "         'mistune', 'nh3', 'pygments', 'latex2mathml', 'black', 'tornado', 'zmq'}\n"
        "print(sorted(heavy & {name.partition('.')[0] for name in sys.modules}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout.strip() == "[]"
