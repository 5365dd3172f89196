"""What a parameters cell declares: as papermill infers it, and where papermill can't."""

from __future__ import annotations

import ast

import nbformat
import papermill.inspection
import pytest

from jupyter_mlops.converters.notebook import check_notebook
from jupyter_mlops.converters.parameters import declared_in, declared_parameters

CELLS = [
    "a = 1",
    "a = 1  # how many",
    "a: int = 1",
    "a: int = 1  # how many",
    "a = 1  # type: int",
    "a = 1  # type: int how many",
    "rate: float = 0.1  # learning rate",
    "flag: bool = True",
    "name: str = 'x'  # who",
    'name = "two words"',
    "layers: list = [64, 64]  # units",
    "layers = [\n    64,  # first\n    32,\n]  # units",
    "options = {'a': 1}",
    "options: dict = {\n  'a': 1,\n  'b': [1, 2],\n}",
    "nothing = None",
    "a = 1\nb = 2  # second\n\n# a comment of its own\nc = 'x'",
    "a = None  # type: str maybe",
    "empty = ''",
    "point = (1, 2)",
    "negative = -3.5e-7  # tiny",
    "# only a comment",
    "",
]


def by_papermill(source: str) -> dict[str, dict[str, str]]:
    """What papermill's own inspection says."""
    made = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]})],
        metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}},
    )
    found = papermill.inspection._infer_parameters(made)
    return {one.name: one._asdict() for one in found}


@pytest.mark.parametrize("source", CELLS)
def test_names_defaults_help_and_stated_types_are_papermills(source):
    """Whatever papermill reads rightly, we read the same."""
    ours = {one.name: one for one in declared_in(source, "python")}
    theirs = by_papermill(source)
    assert list(ours) == list(theirs)
    for name, one in theirs.items():
        assert ast.literal_eval(ours[name].default_source) == ast.literal_eval(one["default"])
        assert ours[name].help == one["help"]
        if one["inferred_type_name"] != "None":
            assert ours[name].type == one["inferred_type_name"]
            assert ours[name].annotated
        else:
            assert not ours[name].annotated


@pytest.mark.parametrize(
    ("source", "kind", "default", "literal"),
    [
        ("a = 'x = 1 # not a comment'", "str", "x = 1 # not a comment", True),
        ("a = {'k': 'v=1'}", "dict", {"k": "v=1"}, True),
        ("a = 60 * 60", "int", 3600, True),
        ("a = 2**10", "int", 1024, True),
        ("a = 1 / 4", "float", 0.25, True),
        ("a = 1_000", "int", 1000, True),
        ("a = 10**30", "int", None, False),
        ("a = 9**9**9**9", "unknown", None, False),
        ("a = 1 / 0", "unknown", None, False),
        ("a = (1, 'x')", "list", [1, "x"], True),
        ("a = {1: 2}", "dict", None, False),
        ("a = {1, 2}", "unknown", None, False),
        ("a = float('nan')", "float", None, False),
        ("a = 1e999", "float", None, False),
        ("a = b'x'", "unknown", None, False),
        ("a = Path('x')", "unknown", None, False),
        ("a = [x for x in y]", "list", None, False),
        ("a = f'{b}'", "str", None, False),
        ("a = dict(b=1)", "dict", None, False),
        ("a = '\\ud800'", "str", None, False),
        ("a: Optional[int] = None", "int", None, True),
        ("a: 'int | None' = 3", "int", 3, True),
        ("a: Union[int, float] = 3", "float", 3, True),
        ("a: Union[int, str] = 3", "int", 3, True),
        ("a: list[int] = []", "list", [], True),
        ("a: typing.Dict[str, int] = {}", "dict", {}, True),
        ("a: Literal['x', 'y'] = 'x'", "str", "x", True),
        ("a: Annotated[float, 'rate'] = 1", "float", 1, True),
        ("a: np.float64 = 0.5", "float", 0.5, True),
        ("a: Path = 'x'", "str", "x", True),
    ],
)
def test_python_is_read_by_its_own_grammar(source, kind, default, literal):
    """Defaults that a line pattern gets wrong, and those that JSON can't hold."""
    (one,) = declared_in(source, "python")
    assert (one.type, one.default, one.literal) == (kind, default, literal)
    assert one.default_source == source.split("=", 1)[1].strip()


def test_several_targets_are_all_declared():
    """Chains and tuples assign several names; a later assignment wins."""
    found = declared_in("a = b = 1\nc, d = 2, 'x'\na = 5", "python")
    assert [(one.name, one.default) for one in found] == [("a", 5), ("b", 1), ("c", 2), ("d", "x")]


def test_magics_in_the_cell_do_not_hide_what_it_declares():
    """IPython's syntax is passed over, what stands around it is read."""
    found = declared_in(
        "%matplotlib inline\nlr = 0.1  # rate\n!ls\nfiles = !ls\nn: int = 3", "python"
    )
    assert [(one.name, one.default) for one in found] == [("lr", 0.1), ("files", None), ("n", 3)]


def test_a_cell_that_cannot_be_parsed_declares_nothing():
    """It fails when it runs; nothing is guessed before."""
    assert declared_in("a = (", "python") == []


def test_nothing_of_the_cell_is_executed(tmp_path):
    """Reading a default never runs it."""
    marker = tmp_path / "ran"
    source = f"a = open({str(marker)!r}, 'w').write('x')\nb = [__import__('os').mkdir('x')]"
    assert [one.literal for one in declared_in(source, "python")] == [False, False]
    assert not marker.exists()


@pytest.mark.parametrize(
    ("language", "source", "expected"),
    [
        (
            "R",
            'alpha <- 0.1 # step\nn = 3L\nname = "a # b"\nok = TRUE\nv = c(1, 2)\nz = NULL',
            [
                ("alpha", "float", 0.1, "step"),
                ("n", "int", 3, ""),
                ("name", "str", "a # b", ""),
                ("ok", "bool", True, ""),
                ("v", "list", None, ""),
                ("z", "none", None, ""),
            ],
        ),
        (
            "julia",
            'lr = 1e-3 # rate\nn::Int = 4\nname = "x"\nd = Dict("a" => 1)\ns = "$name"',
            [
                ("lr", "float", 0.001, "rate"),
                ("n", "int", 4, ""),
                ("name", "str", "x", ""),
                ("d", "dict", None, ""),
                ("s", "str", None, ""),
            ],
        ),
        (
            "bash",
            "lr=0.1 # rate\nname='two words'\nexport out=/tmp/x\nempty=\nFOO=1 make\nx=$(id)",
            [
                ("lr", "float", 0.1, "rate"),
                ("name", "str", "two words", ""),
                ("out", "str", "/tmp/x", ""),
                ("empty", "str", "", ""),
                ("x", "unknown", None, ""),
            ],
        ),
        (
            "scala",
            'val n: Int = 3 // how many\nval s = "a//b"\nval l = Seq(1, 2)',
            [("n", "int", 3, "how many"), ("s", "str", "a//b", ""), ("l", "list", None, "")],
        ),
    ],
)
def test_other_languages_are_read_line_by_line(language, source, expected):
    """Name, type and default of what is plain; the source of what isn't."""
    found = declared_in(source, language)
    assert [(one.name, one.type, one.default, one.help) for one in found] == expected


def test_the_first_code_cell_with_the_tag_counts(notebook_of):
    """A markdown cell with the tag is none; without the tag nothing is declared."""
    made = notebook_of("b = 2", parameters="a = 1")
    assert [one.name for one in declared_parameters(check_notebook(made))] == ["a"]
    made["cells"][0]["cell_type"] = "markdown"
    assert declared_parameters(check_notebook(made)) == []


@pytest.mark.parametrize("language", ["r", "bash", "scala"])
@pytest.mark.parametrize(
    "line",
    [
        "x: T[" + " " * 200_000,
        "x=" + "$(" * 100_000,
        "x=" + "'\\" * 100_000,
        "x = " + '"\\"' * 60_000,
    ],
)
def test_a33_long_lines_are_read_in_linear_time(language: str, line: str) -> None:
    """Whoever wrote them: nothing else is answered meanwhile."""
    declared_in(line, language)
