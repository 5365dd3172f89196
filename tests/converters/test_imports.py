"""What notebooks import: IPython's syntax, certainty, and what must not be preloaded."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager

from jupyter_mlops.converters.cellcode import parsed, python_source
from jupyter_mlops.converters.imports import found_in, import_plan


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import numpy as np", ["numpy"]),
        ("import a, b.c as d", ["a", "b.c"]),
        ("from sklearn.ensemble import RandomForestClassifier", ["sklearn.ensemble"]),
        ("from a.b import c\nimport a.b", ["a.b"]),
        ("from __future__ import annotations", []),
        ("from . import x", []),
        ("def f():\n    import lazy", []),
        ("class C:\n    import inner", []),
        ("if TYPE_CHECKING:\n    import types_only", []),
        ("if use_torch:\n    import torch", []),
        ("if __name__ == '__main__':\n    import a", ["a"]),
        ("try:\n    import a\nexcept ImportError:\n    import b", ["a"]),
        ("with warnings.catch_warnings():\n    import a", ["a"]),
        ("for x in y:\n    import a", []),
        ("%matplotlib inline\nimport a", ["a"]),
        ("!ls -l \\\n  import_this\nimport a", ["a"]),
        ("files = !ls\nimport a", ["a"]),
        ("x = %who_ls\nimport a", ["a"]),
        ("a?\nimport b\nb.c??\n?d", ["b"]),
        ("%%time\nimport a", ["a"]),
        ("%%capture out\n%matplotlib inline\nimport a", ["a"]),
        ("\n\n%%bash\nimport a", []),
        ("%%writefile x.py\nimport a", []),
        ("%%mlops run --detach\nimport a", ["a"]),
        ("s = '''\n%notmagic\n'''\nimport a\n!ls", ["a"]),
        ("x = (1\n  % 2)\nimport a\n%time y = 1", ["a"]),
        ("x = 5 \\\n  % 2\nimport a\n!ls", ["a"]),
        ("if True:\n    %time import_it()\n    import b\nimport a", ["b", "a"]),
        ("import a; import b", ["a", "b"]),
        ("s = 'it''s' # don't\n!ls\nimport a", ["a"]),
        ("await x\nimport a", ["a"]),
    ],
)
def test_top_level_imports(source, expected):
    """Dotted names in order, only what certainly runs, IPython's syntax passed over."""
    assert list(import_plan([source]).preload) == expected


@pytest.mark.parametrize(
    ("sources", "preload", "held_back"),
    [
        (["import a\nimport os\nos.environ['X'] = '1'\nimport torch"], "a os", "torch"),
        (["import os", "os.environ['X'] = '1'", "import torch"], "os", "torch"),
        (["os.environ.setdefault('X', '1')\nimport a"], "", "a"),
        (["os.environ |= {}\nimport a"], "a", ""),
        (["from dotenv import load_dotenv\nload_dotenv()\nimport a"], "dotenv", "a"),
        (["%env X=1\nimport a"], "", "a"),
        (["%pip install a\nimport a"], "", "a"),
        (["!pip install a", "import a"], "", "a"),
        (["!{sys.executable} -m pip install a\nimport a"], "", "a"),
        (["!ls\nimport a"], "a", ""),
        (["import sys\nsys.path.insert(0, '..')\nimport mine"], "sys", "mine"),
        (["import sys\nsys.path += ['..']\nimport mine"], "sys", "mine"),
        (["x = os.environ['HOME']\nimport a"], "a", ""),
        (["def f():\n    os.environ['X'] = '1'\nimport a"], "a", ""),
        (["import a", "os.environ['X'] = '1'\nimport a, b"], "a", "b"),
    ],
)
def test_nothing_is_preloaded_that_comes_after_a_change(sources, preload, held_back):
    """A warm kernel sees the same environment at the import as a fresh one."""
    plan = import_plan(sources)
    assert plan.preload == tuple(preload.split())
    assert plan.held_back == tuple(held_back.split())


def test_imports_anywhere_are_known_for_the_snapshot():
    """In functions, branches, by importlib with a literal name, and extensions."""
    found = found_in(
        "def f():\n    import a\nif x:\n    import b\nimportlib.import_module('c.d')\n"
        "__import__('e')\nimportlib.import_module(name)\n%load_ext f.g\n"
    )
    assert set(found.anywhere) == {"a", "b", "c.d", "e", "f.g"}


def test_source_that_our_python_cannot_parse_still_names_its_plain_imports():
    """A notebook for a newer Python isn't without imports."""
    found = found_in("import a.b as c, d\nfrom e import (f,\n g)\nmatch x:\n  case 1: ??? broken (")
    assert found.anywhere == ("a.b", "d", "e")
    assert found.certain == ()


def test_what_a_module_asks_of_its_place_is_seen():
    """`__file__`, `sys.path` and `%run`."""
    assert found_in("from pathlib import Path\nPath(__file__).parent").uses_file
    assert not found_in("x = '__file__'").uses_file
    assert found_in("def f():\n    sys.path.append('x')").uses_path
    assert found_in("%run helpers.py --x\n%run -i other.ipynb").runs == (
        "helpers.py",
        "other.ipynb",
    )


MAGICS = [
    "%matplotlib inline",
    "%time x = 1",
    "!ls -l",
    "!!ls",
    "x = !ls",
    "a, b = !ls",
    "x = %time 1",
    "x?",
    "x.y??",
    "?x",
    "%timeit?",
    "    %time x",
    "%env A=1",
    ",f a b",
    ";f a b",
    "/f a",
]
PYTHON = [
    "x = 1",
    "x = 5 % 3",
    "x = (1,\n     2)",
    's = """\n%not\n!not\n"""',
    "s = '''a'''",
    "x = [\n  5\n  % 3]",
    "x = 1 \\\n  % 2",
    "def f():\n    return 1",
    "if x:\n    pass",
    "# it's a comment (",
    "x = 'a\\'b'",
    "@decorated\ndef g(): pass",
    "x: int = 1",
    "",
]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(MAGICS) | st.sampled_from(PYTHON), max_size=8))
def test_what_ipython_runs_we_can_parse_with_lines_in_place(lines):
    """Whatever IPython makes Python of, so do we; Python's own statements stay as they are."""
    source = "\n".join(lines)
    manager = TransformerManager()
    try:
        theirs = ast.parse(manager.transform_cell(source))
    except SyntaxError:
        return
    neutral = python_source(source)
    assert neutral.count("\n") == source.count("\n")
    ours = parsed(neutral)
    assert ours is not None
    kinds = (ast.FunctionDef, ast.AnnAssign, ast.Import)
    assert [type(one) for one in ours.body if isinstance(one, kinds)] == [
        type(one) for one in theirs.body if isinstance(one, kinds)
    ]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab%!?\\\"'()[]{}#=\n .,;import", max_size=80))
def test_no_source_breaks_reading(source):
    """Any text gives an answer."""
    found_in(source)


def test_long_sources_are_read_in_linear_time():
    """A cell of a megabyte, a thousand magics, and deep nesting all end."""
    found_in("x = [" + "1, " * 300_000 + "]\n!ls")
    found_in("!ls\n" * 20_000)
    found_in("(" * 50_000)
    found_in("a" * 300_000 + "?")
    found_in("a = " + "b." * 100_000 + "\n!x")
    found_in("import x = " + "'\\" * 100_000 + "\n!ls")
    found_in("import a\n" + ("a" + "." * 4_900 + "\n") * 100 + "!ls")
    found_in("import a\n" + ("a" + " " * 4_900 + "\n") * 100 + "!ls")
