"""What a cell uses of its session's imports, as import statements.

`np.mean(x)` in a cell means what it means in the notebook: modules, and what was imported from
them, are imported in the job, too. Variables and definitions of the notebook's own are not taken
along by themselves; that is what `--with` is for.
"""

from __future__ import annotations

import ast
import keyword
import sys
from collections.abc import Collection, Mapping
from types import ModuleType
from typing import Any

from jupyter_mlops.converters.cellcode import parsed, python_source


def session_imports(
    source: str, variables: Mapping[str, Any], without: Collection[str] = ()
) -> list[str]:
    """Statements that import what `source` uses; names in `without` come from elsewhere."""
    tree = parsed(python_source(source))
    if tree is None:
        return []
    statements: dict[str, None] = {}
    for name, chains in _used(tree).items():
        if name in without or name not in variables:
            continue
        value = variables[name]
        found = (
            _module(name, value, chains) if isinstance(value, ModuleType) else _member(name, value)
        )
        statements |= dict.fromkeys(found)
    return list(statements)


def _used(tree: ast.Module) -> dict[str, list[list[str]]]:
    """Names that are read, in their order, each with the attribute chains that begin there."""
    found: dict[str, list[list[str]]] = {}
    within: set[ast.expr] = set()  # parts of a chain whose whole was seen: the whole comes first
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            found.setdefault(node.id, [])
        elif isinstance(node, ast.Attribute) and node not in within:
            chain: list[str] = []
            inner: ast.expr = node
            while isinstance(inner, ast.Attribute):
                chain.append(inner.attr)
                inner = inner.value
                within.add(inner)
            if isinstance(inner, ast.Name):
                found.setdefault(inner.id, []).append(chain[::-1])
    return found


def _module(name: str, module: ModuleType, chains: list[list[str]]) -> list[str]:
    path = module.__name__
    if not _importable(path, module):
        return []
    if name != path:
        return [f"import {path} as {name}"]
    statements = [f"import {path}"]
    for chain in chains:
        # `import xml.etree.ElementTree` binds `xml` alone: its parts have to be imported, too.
        for length in range(len(chain), 0, -1):
            deeper = ".".join([path, *chain[:length]])
            if deeper in sys.modules:
                statements.append(f"import {deeper}")
                break
    return statements


def _member(name: str, value: Any) -> list[str]:
    path = getattr(value, "__module__", None)
    member = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    if not (isinstance(path, str) and isinstance(member, str)) or "." in member:
        return []
    module = sys.modules.get(path)
    if module is None or not _importable(path, module) or not _name(member):
        return []
    if getattr(module, member, None) is not value:
        return []
    return [f"from {path} import {member}" + ("" if name == member else f" as {name}")]


def _importable(path: str, module: ModuleType) -> bool:
    if path in ("__main__", "builtins") or sys.modules.get(path) is not module:
        return False
    # What was made at run time has no source that the job could import.
    return getattr(module, "__spec__", None) is not None and all(map(_name, path.split(".")))


def _name(text: str) -> bool:
    return text.isidentifier() and not keyword.iskeyword(text)
