"""What the code of a notebook imports, read without running it.

    import_plan(sources)          # ImportPlan: what a warm parent may preload, and what it mustn't
    found_in(source)              # Found: everything that one cell or module imports

A warm kernel has to behave like a fresh one. So only imports that a fresh kernel would certainly
make are preloaded (no `if`, no `except`, no function bodies), and none that the notebook makes
after it changed what an import would find or do: environment variables, `sys.path`, installing
packages.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from jupyter_mlops.converters.cellcode import python_tree

#: Sources up to this length (characters) are remembered with what was found in them.
_REMEMBERED = 32_768

_CHANGING_MAGIC = re.compile(
    r"\s*(?:%(?:env|set_env|pip|conda|mamba|micromamba|uv|reload_ext)\b|"
    r"!\s*(?:(?:pip3?|conda|mamba|uv|poetry)\b|(?:python[\d.]*|\{sys\.executable\})\s+-m\s+pip\b))"
)
_LOAD_EXT = re.compile(r"^[ \t]*%load_ext[ \t]+([\w.]+)", re.MULTILINE)
_RUN = re.compile(r"^[ \t]*%run[ \t]+(?:-\w+[ \t]+)*([^\s#]+)", re.MULTILINE)
_PLAIN_IMPORT = re.compile(
    r"^(?:import[ \t]+(?P<names>[\w., \t]+)|from[ \t]+(?P<module>[\w.]+)[ \t]+import\b)",
    re.MULTILINE,
)
#: A source without any of these imports nothing and changes nothing about imports.
_TELLING = re.compile(
    r"import|environ|putenv|unsetenv|load_dotenv|__file__|addsitedir|sys\s*\.|^[ \t]*[%!]",
    re.MULTILINE,
)
_DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_ENVIRON_METHODS = frozenset({"update", "setdefault", "pop", "clear", "popitem", "__setitem__"})
_PATH_METHODS = frozenset({"insert", "append", "extend", "remove", "pop", "clear"})


@dataclass(frozen=True, slots=True)
class Found:
    """What one cell or module imports and does about imports. Names are dotted."""

    #: Imports that run whenever the source runs, in order.
    certain: tuple[str, ...] = ()
    #: The certain ones that come after something that changes what imports do.
    late: tuple[str, ...] = ()
    #: Whether anything changes what later imports do.
    changes: bool = False
    #: Absolute imports anywhere, in functions and branches too.
    anywhere: tuple[str, ...] = ()
    #: Whether it asks where its own file lies.
    uses_file: bool = False
    #: Whether it changes `sys.path`.
    uses_path: bool = False
    #: Files that `%run` reads.
    runs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What may be imported before a notebook starts, and what mustn't."""

    preload: tuple[str, ...] = ()
    #: Imported by the notebook only after it changed the environment, `sys.path` or the packages:
    #: a process in which one of these is already loaded doesn't behave like a fresh one.
    held_back: tuple[str, ...] = ()


def import_plan(sources: Iterable[str]) -> ImportPlan:
    """The plan for the code cells of a Python notebook, in order."""
    preload: dict[str, None] = {}
    held_back: dict[str, None] = {}
    changed = False
    for source in sources:
        found = found_in(source)
        early = () if changed else found.certain
        late = (*found.certain, *found.late) if changed else found.late
        preload |= dict.fromkeys(early)
        held_back |= dict.fromkeys(name for name in late if name not in preload)
        changed = changed or found.changes
    return ImportPlan(tuple(preload), tuple(held_back))


def found_in(source: str) -> Found:
    """What a cell or a module imports; a cell in another language (`%%bash`) imports nothing."""
    return _remembered(source) if len(source) <= _REMEMBERED else _found(source)


@lru_cache(maxsize=1024)
def _remembered(source: str) -> Found:
    return _found(source)


def _found(source: str) -> Found:
    if not _TELLING.search(source):
        return Found()
    neutral, tree = python_tree(source)
    runs = tuple(_RUN.findall(source)) if "%run" in source else ()
    if tree is None:
        # Python newer than ours, or a cell that fails anyway: its plain import lines are enough.
        names = tuple(_plain_imports(neutral))
        return Found(anywhere=names, uses_file="__file__" in neutral, runs=runs)
    anywhere: list[str] = []
    uses_file = uses_path = False
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            anywhere += _names(node)
        elif isinstance(node, ast.Call) and (name := _imported_by_call(node)):
            anywhere.append(name)
        elif isinstance(node, ast.Name) and node.id == "__file__":
            uses_file = True
        uses_path = uses_path or _changes_path(node)
    if "%load_ext" in source:
        anywhere += _LOAD_EXT.findall(source)
    changed_at = _first_change(source, tree)
    certain: list[str] = []
    late: list[str] = []
    for name, line in _certain(tree.body):
        (late if changed_at is not None and line > changed_at else certain).append(name)
    return Found(
        certain=tuple(dict.fromkeys(certain)),
        late=tuple(dict.fromkeys(late)),
        changes=changed_at is not None,
        anywhere=tuple(dict.fromkeys(anywhere)),
        uses_file=uses_file,
        uses_path=uses_path,
        runs=runs,
    )


def _plain_imports(source: str) -> Iterator[str]:
    for match in _PLAIN_IMPORT.finditer(source):
        if match["module"]:
            yield match["module"]
            continue
        for part in match["names"].split(","):
            if words := part.split():
                yield words[0]


def _certain(body: list[ast.stmt]) -> Iterator[tuple[str, int]]:
    """Imports that run whenever `body` does: (dotted name, line)."""
    for statement in body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            for name in _names(statement):
                yield name, statement.lineno
        elif isinstance(statement, ast.Try):
            # What `except` imports instead is not certain to be needed.
            yield from _certain(statement.body)
            yield from _certain(statement.finalbody)
        elif isinstance(statement, ast.With) or (
            isinstance(statement, ast.If) and _is_main(statement.test)
        ):
            yield from _certain(statement.body)


def _is_main(test: ast.expr) -> bool:
    return ast.unparse(test) in (
        "__name__ == '__main__'",
        "'__main__' == __name__",
        "True",
    )


def _names(statement: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    if statement.level or not statement.module or statement.module == "__future__":
        return []
    return [statement.module]


def _imported_by_call(node: ast.Call) -> str | None:
    """The module that `importlib.import_module("name")` imports."""
    if _called(node) not in ("import_module", "__import__") or not node.args:
        return None
    first = node.args[0]
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        return first.value if _DOTTED.fullmatch(first.value) else None
    return None


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _first_change(source: str, tree: ast.Module) -> int | None:
    """Line of the first thing that changes what later imports find or do."""
    lines = [
        number
        for number, line in enumerate(source.split("\n"), 1)
        if line.lstrip()[:1] in ("%", "!") and _CHANGING_MAGIC.match(line)
    ]
    lines += [
        node.lineno
        for node in _outside_functions(tree)
        if isinstance(node, ast.stmt | ast.expr)
        and (_changes_environment(node) or _changes_path(node))
    ]
    return min(lines, default=None)


def _outside_functions(tree: ast.AST) -> Iterator[ast.AST]:
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))


def _changes_environment(node: ast.AST) -> bool:
    if isinstance(node, ast.Subscript):
        return _is_named(node.value, "environ") and isinstance(node.ctx, ast.Store | ast.Del)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        method, owner = node.func.attr, node.func.value
        if method in ("putenv", "unsetenv", "load_dotenv"):
            return True
        return _is_named(owner, "environ") and method in _ENVIRON_METHODS
    return isinstance(node, ast.Call) and _called(node) in ("load_dotenv", "putenv")


def _changes_path(node: ast.AST) -> bool:
    """Whether `node` changes `sys.path` (or `site` does)."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        owner = node.func.value
        if node.func.attr == "addsitedir":
            return True
        return node.func.attr in _PATH_METHODS and _is_sys_path(owner)
    if isinstance(node, ast.Assign | ast.AugAssign | ast.Delete):
        targets = [node.target] if isinstance(node, ast.AugAssign) else node.targets
        return any(
            _is_sys_path(target.value if isinstance(target, ast.Subscript) else target)
            for target in targets
        )
    return False


def _is_sys_path(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr in ("path", "meta_path", "path_hooks")
        and isinstance(node.value, ast.Name)
        and node.value.id == "sys"
    )


def _is_named(node: ast.expr, name: str) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr == name
    return isinstance(node, ast.Name) and node.id == name
