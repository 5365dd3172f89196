"""Where two notebooks, environments, sets of files differ: the parts, whatever they are given."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops.converters.notebook import read_notebook
from jupyter_mlops.tracking.diffs import cells, notebook, outputs, text
from jupyter_mlops.tracking.diffs.code import Code, code_diff
from jupyter_mlops.tracking.diffs.data import data_diff
from jupyter_mlops.tracking.diffs.packages import package_diff
from jupyter_mlops.tracking.diffs.patches import patches_of
from jupyter_mlops.tracking.diffs.text import text_diff
from jupyter_mlops.tracking.diffs.views import NotebookDiff, TextDiff
from jupyter_mlops.tracking.run_compare import packages_of
from jupyter_mlops.tracking.run_views import Dataset


def lines(found: TextDiff | None) -> list[str]:
    """As a unified diff shows them."""
    assert found is not None
    told = [line for hunk in found.hunks for line in hunk.lines]
    return [line.op.replace("=", " ") + "".join(line.pieces) for line in told]


def cell(source: str, cell_id: str | None = None, *printed: dict[str, Any]) -> dict[str, Any]:
    """A code cell."""
    found: dict[str, Any] = {
        "cell_type": "code",
        "metadata": {},
        "source": source,
        "execution_count": 1,
        "outputs": list(printed),
    }
    return found if cell_id is None else found | {"id": cell_id}


def stream(text_: str) -> dict[str, Any]:
    """What a cell printed."""
    return {"output_type": "stream", "name": "stdout", "text": text_}


def picture(data: str, plain: str = "<Figure>") -> dict[str, Any]:
    """What a plot leaves."""
    return {
        "output_type": "display_data",
        "metadata": {},
        "data": {"image/png": data, "text/plain": plain},
    }


def compared(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> NotebookDiff:
    """Two notebooks of these cells, as they are read from artifacts."""
    minor = 5 if all("id" in one for one in [*before, *after]) else 4
    both = [
        read_notebook(
            json.dumps(
                {"cells": one, "metadata": {}, "nbformat": 4, "nbformat_minor": minor}
            ).encode()
        )
        for one in (before, after)
    ]
    return notebook.notebook_diff(*both)


# ---------------------------------------------------------------- texts


def test_lines_and_the_words_within_them() -> None:
    """Only what differs is marked; a line that became another one isn't taken apart."""
    found = text_diff("a = 1\nb = fit(x, 3)\nc\n", "a = 1\nb = fit(x, 4)\nsomething else\n")
    assert lines(found) == [" a = 1", "-b = fit(x, 3)", "-c", "+b = fit(x, 4)", "+something else"]
    assert found is not None
    pieces = [line.pieces for line in found.hunks[0].lines]
    assert pieces[1] == ["b = fit(x, ", "3", ")"]
    assert pieces[3] == ["b = fit(x, ", "4", ")"]
    assert pieces[2] == ["c"]
    assert (found.added, found.removed) == (2, 2)
    assert text_diff("same", "same") is None


def test_ends_of_lines() -> None:
    """What differs in nothing else is told."""
    assert lines(text_diff("a\nb\n", "a\nb")) == [
        " a", "-b", "+b (no line feed at the end)",
    ]  # fmt: skip
    assert lines(text_diff("a\r\n", "a\n")) == ["-a␍", "+a"]
    assert lines(text_diff("", "a")) == ["+a"]


def test_a_long_text_is_told_around_its_changes() -> None:
    """With the numbers of the lines, so that one finds them."""
    old = [f"line {n}" for n in range(1000)]
    new = [*old[:500], "new", *old[501:]]
    found = text_diff("\n".join(old), "\n".join(new))
    assert found is not None
    (hunk,) = found.hunks
    assert (hunk.before, len(hunk.lines)) == (498, 8)
    assert (found.before_lines, found.after_lines) == (1000, 1000)


def test_what_is_too_long_is_told_as_such() -> None:
    """Texts of a million lines without one in common, and a line of a megabyte."""
    old = "".join(f"a{n}\n" for n in range(200_000))
    found = text_diff(old, old.replace("a", "b"))
    assert found is not None
    assert "Too long" in found.cut
    assert sum(len(hunk.lines) for hunk in found.hunks) == text.TOLD_MOST
    found = text_diff("x" * 10**6, "y" * 10**6)
    assert found is not None
    assert len(found.hunks[0].lines[0].pieces[0]) < 3000
    assert text_diff("same line\n" * 50_000, "same line\n" * 49_000) is not None


# ---------------------------------------------------------------- notebooks


def test_cells_are_found_again() -> None:
    """By their ids, though all of the source has changed; and without ids by what is in them."""
    old = [cell("a = 1", "a"), cell("b = 2", "b"), cell("c = 3", "c")]
    new = [cell("new = 0", "n"), cell("a = 1", "a"), cell("nothing of it left", "b"), old[2]]
    found = compared(old, new)
    assert [(one.change, one.before, one.after) for one in found.cells] == [
        ("added", None, 0),
        ("changed", 1, 2),
    ]
    assert found.equal == 2
    long = "\n".join(f"value_{n} = compute({n})" for n in range(8))
    found = compared(
        [cell("import os"), cell(long), cell("print(os.name)")],
        [cell("import os"), cell("first = True"), cell(long + "\nmore = 1")],
    )
    assert [(one.change, one.before, one.after) for one in found.cells] == [
        ("added", None, 1),
        ("changed", 1, 2),
        ("removed", 2, None),
    ]


def test_what_differs_every_time_is_no_difference() -> None:
    """Counts of executions, times, addresses in memory."""
    old = cell("f", "f", stream("<object at 0x7f0011223344>\n"))
    new = cell("f", "f", stream("<object at 0x7f9911223344>\n"))
    new["execution_count"] = 77
    new["metadata"] = {"papermill": {"duration": 3}, "mlops": {"status": "succeeded"}}
    assert compared([old], [new]).changes == 0
    new["metadata"]["tags"] = ["slow"]
    (found,) = compared([old], [new]).cells
    assert found.source is None
    assert any("slow" in line for line in lines(found.metadata))


def test_outputs() -> None:
    """Text as text, pictures as both, one more at its place, errors without colours."""
    old = cell("x", "x", stream("1\n"), picture("AAAA"))
    error = {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["\x1b[31mE: v"]}
    new = cell("x", "x", stream("2\n"), picture("BBBB"), error)
    (found,) = compared([old], [new]).cells
    printed, plot, failed = found.outputs
    assert lines(printed.text) == ["-1", "+2"]
    assert (plot.kind, plot.text) == ("image/png", None)
    assert plot.before is not None
    assert plot.after is not None
    assert (plot.before.data, plot.after.data) == ("AAAA", "BBBB")
    assert (failed.change, failed.kind, lines(failed.text)) == ("added", "error", ["+E: v"])


def test_a_notebook_that_never_ran() -> None:
    """Against one that did: the sources only, and that is said."""
    ran = cell("x", "x", stream("1\n"))
    never = {**cell("x", "x"), "execution_count": None}
    found = compared([ran], [never])
    assert (found.changes, found.outputs_compared) == (0, False)
    assert notebook.notebook_diff(None, {"cells": [], "metadata": {}}).before is None


def test_large_notebooks_end_and_stay_within_bounds() -> None:
    """A thousand cells and megabytes of outputs; nothing that differs is told as the same."""

    def many(word: str, ids: bool) -> list[dict[str, Any]]:
        return [
            cell(f"{word}_{n} = {n}", f"c{n}" if ids else None, stream(f"{word} {n}\n" * 300))
            for n in range(1000)
        ]

    for ids in (True, False):
        found = compared(many("old", ids), many("new", ids))
        assert (found.changes, found.equal) == (1000, 0)
        assert len(found.model_dump_json()) < 3 * notebook._BUDGET
        assert found.notes
    crowd = cell("x", "x", *(stream(f"{n}") for n in range(20_000)))
    other = cell("x", "x", *(picture(f"AA{n}") for n in range(20_000)))
    (told,) = compared([crowd], [other]).cells
    assert len(told.outputs) == notebook.OUTPUTS_MOST + 1


def test_what_is_too_large_to_be_shown() -> None:
    """Is named, not sent."""
    large = "A" * (outputs.SHOWN_MOST + 4)
    (found,) = compared([cell("x", "x", picture(large))], [cell("x", "x", picture("BB"))]).cells
    (plot,) = found.outputs
    assert plot.before is None
    assert "larger" in plot.note


def test_pairs_keep_their_order() -> None:
    """However cells were moved about."""
    old = [cell(f"s{n} = {n}", f"i{n}") for n in range(30)]
    pairs, judged = cells.matched_cells(old, old[::-1])
    assert judged
    assert pairs == sorted(pairs)
    assert [j for _, j in pairs] == sorted({j for _, j in pairs})


# ---------------------------------------------------------------- packages, data


def test_packages() -> None:
    """Pins, addresses and folders; names are compared as pip does."""
    old = (
        "# Python 3.11.7 (CPython)\nScikit_Learn==1.5.0\nnumpy==1.26.4\nsame==1\n"
        "tool @ git+https://x.org/t@abc\n"
        "# not installable elsewhere: mine==0.1, editable, from file:///a/mine\n"
    )
    new = (
        "# Python 3.12.1 (CPython)\nscikit-learn==1.5.2\nnumpy==2.0.0\nsame==1\n"
        "tool @ git+https://x.org/t@def\n"
        "# not installable elsewhere: mine==0.1, editable, from file:///b/mine\n"
    )
    found = package_diff((old, new), (None, None))
    assert [(one.name, one.step) for one in found.packages] == [
        ("mine", ""), ("numpy", "major"), ("scikit-learn", "patch"), ("tool", ""),
    ]  # fmt: skip
    assert found.packages[0].before == "0.1, editable, from file:///a/mine"
    assert found.python == ["3.11.7 (CPython)", "3.12.1 (CPython)"]
    assert (found.equal, found.changes) == (1, 5)
    unknown = package_diff((None, new), (None, {"python": {"version": "3.12.1"}}))
    assert (unknown.known, unknown.packages) == ([False, True], [])
    assert packages_of("# a comment\n-r other.txt\nx>=1\n") == {}


def read(**files: tuple[int, str | None]) -> dict[str, Any]:
    """`datasets.json` of files in `/w`."""
    return {
        "files": [
            {"path": f"/w/{name}", "size": size} | ({"sha256": sha} if sha else {"note": "large"})
            for name, (size, sha) in files.items()
        ]
    }


def test_data() -> None:
    """By path and content; what wasn't hashed isn't taken for the same."""
    facts: dict[str, Any] = {"cwd": "/w", "datasets": {}}
    old = read(same=(1, "a"), changed=(1, "b"), gone=(1, "c"), was=(1, "d"), big=(9, None))
    new = read(same=(1, "a"), changed=(1, "x"), new=(1, "e"), now=(1, "d"), big=(9, None))
    logged = [
        Dataset(name="iris", digest="1", rows=150),
        Dataset(name="same", digest="a", source_type="local"),
    ]
    after = [Dataset(name="iris", digest="2", rows=151)]
    found = data_diff((facts, facts), (old, new), (logged, after))
    assert {one.name: one.change for one in found.data} == {
        "changed": "changed", "gone": "removed", "new": "added", "now": "moved",
        "big": "unknown", "iris": "changed",
    }  # fmt: skip
    iris = next(one for one in found.data if one.name == "iris")
    assert iris.dataset
    assert iris.before is not None
    assert iris.before.rows == 150
    assert found.equal == 1
    assert data_diff((None, facts), (None, new), ([], [])).data == []


# ---------------------------------------------------------------- code


def test_patches_are_read() -> None:
    """Added, removed, renamed, binary, quoted; lines that look like heads stay lines."""
    diff = (
        "diff --git a/a.sql b/a.sql\nindex 1..2 100644\n--- a/a.sql\n+++ b/a.sql\n"
        "@@ -1,2 +1,2 @@\n--- a comment\n+++ another\n same\n"
        'diff --git "a/\\303\\251 \\"x\\".py" "b/\\303\\251 \\"x\\".py"\nnew file mode 100644\n'
        '--- /dev/null\n+++ "b/\\303\\251 \\"x\\".py"\n@@ -0,0 +1 @@\n+new\n'
        "\\ No newline at end of file\n"
        "diff --git a/old.py b/new.py\nsimilarity index 100%\n"
        "rename from old.py\nrename to new.py\n"
        "diff --git a/p.png b/p.png\ndeleted file mode 100644\n"
        "GIT binary patch\nliteral 0\n\n"
    )
    plain, quoted, renamed, binary = patches_of(diff)
    assert (plain.path, plain.change) == ("a.sql", "changed")
    assert plain.hunks[0].lines == [("-", "-- a comment"), ("+", "++ another"), ("=", "same")]
    assert (quoted.path, quoted.change) == ('é "x".py', "added")
    assert lines(quoted.diff()) == ["+new (no line feed at the end)"]
    assert (renamed.path, renamed.was) == ("new.py", "old.py")
    assert (binary.path, binary.change, binary.binary) == ("p.png", "removed", True)
    assert lines(quoted.reversed().diff()) == ["-new (no line feed at the end)"]
    assert quoted.reversed().change == "removed"


@pytest.mark.parametrize(
    "diff",
    ["", "nonsense", "diff --git ", "diff --git a b\n@@ -999999999,999999999 +1 @@\n+x\n-",
     'diff --git "\n+++ "\n@@ -1 +1 @@', "diff --git a/x b/x\n" + "@@ -1 +1 @@\n" * 5000],
)  # fmt: skip
def test_no_diff_at_all(diff: str) -> None:
    """Whatever it is, it ends without an error."""
    for patch in patches_of(diff):
        patch.diff()
        patch.reversed().diff()


def test_archives_that_somebody_made(tmp_path: Path) -> None:
    """Of what is no archive, unpacks to gigabytes or isn't text, that is told."""
    facts = {"cwd": "/w"}
    broken, bomb, plain = tmp_path / "a.zip", tmp_path / "b.zip", tmp_path / "c.zip"
    broken.write_bytes(b"PK\x03\x04 nothing")
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.py", b" " * (64 * 2**20))
        archive.writestr("../../x.py", b"x = 1\n")
        archive.writestr("data.py", b"\0\1")
    with zipfile.ZipFile(plain, "w") as archive:
        archive.writestr("data.py", b"y\n")
    found = code_diff(Code(facts, None, broken), Code(facts, None, bomb))
    assert "can't be read" in found.notes[0]
    assert "bomb.py is too large" in found.notes[1]
    assert {one.path for one in found.files} == {"../../x.py", "data.py"}
    (known,) = [
        one
        for one in code_diff(Code(facts, None, plain), Code(facts, None, bomb)).files
        if one.path == "data.py"
    ]
    assert (known.text, known.note) == (None, "It isn't text.")
    assert len(list(tmp_path.iterdir())) == 3
    assert code_diff(None, Code(facts, None, None)).known == [False, True]
