"""What a Python `parameters` cell declares, read without running it.

It is read by Python's own grammar, so that what is reported is what would be assigned: papermill's
line patterns miss defaults that hold `=` or `#`, and chained or several assignments on a line.
"""

from __future__ import annotations

import ast
import io
import math
import re
import tokenize
from typing import Any

from jupyter_mlops.converters.cellcode import python_tree
from jupyter_mlops.converters.declared import Declared, ParameterType

#: Whole numbers beyond these are not exact in a browser; they are shown as source only.
_EXACT = 2**53 - 1
_TYPE_COMMENT = re.compile(r"type:\s*(\S*)\s*(.*)", re.DOTALL)
_ANNOTATIONS: dict[str, ParameterType] = {
    "int": "int",
    "float": "float",
    "bool": "bool",
    "str": "str",
    "list": "list",
    "List": "list",
    "tuple": "list",
    "Tuple": "list",
    "Sequence": "list",
    "Iterable": "list",
    "dict": "dict",
    "Dict": "dict",
    "Mapping": "dict",
    "MutableMapping": "dict",
    "None": "none",
    "NoneType": "none",
}
_FORMS: tuple[tuple[tuple[type[ast.expr], ...], ParameterType], ...] = (
    ((ast.List, ast.Tuple, ast.ListComp), "list"),
    ((ast.Dict, ast.DictComp), "dict"),
    ((ast.JoinedStr,), "str"),
)


def python_parameters(source: str) -> list[Declared]:
    """Every assignment to a plain name at the top level, in order; none if it can't be read."""
    neutral, tree = python_tree(source)
    if tree is None:
        return []
    comments = _trailing_comments(neutral)
    lines = neutral.splitlines(keepends=True)
    found: list[Declared] = []
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            annotation, pairs = None, _targets(statement)
        elif (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and statement.value is not None
        ):
            annotation, pairs = (
                statement.annotation,
                [(statement.target.id, statement.value)],
            )
        else:
            continue
        comment = comments.get(statement.end_lineno or 0, "")
        for name, value in pairs:
            found.append(_declared(name, value, annotation, comment, lines))
    return found


def _targets(statement: ast.Assign) -> list[tuple[str, ast.expr]]:
    """Every plain name that the statement assigns, with the expression it gets."""
    pairs: list[tuple[str, ast.expr]] = []
    for target in statement.targets:
        if isinstance(target, ast.Name):
            pairs.append((target.id, statement.value))
        elif (
            isinstance(target, ast.Tuple | ast.List)
            and isinstance(statement.value, ast.Tuple | ast.List)
            and len(target.elts) == len(statement.value.elts)
        ):
            for element, value in zip(target.elts, statement.value.elts, strict=True):
                if isinstance(element, ast.Name) and not isinstance(value, ast.Starred):
                    pairs.append((element.id, value))
    return pairs


def _declared(
    name: str,
    value: ast.expr,
    annotation: ast.expr | None,
    comment: str,
    lines: list[str],
) -> Declared:
    kind: ParameterType = "unknown"
    optional = annotated = False
    if annotation is not None:
        kind, optional = _annotated_type(annotation)
        annotated = kind != "unknown"
    if match := _TYPE_COMMENT.match(comment):
        comment = match.group(2)
        if kind == "unknown":
            kind, optional = _comment_type(match.group(1))
            annotated = kind != "unknown"
    try:
        default, literal = _json_value(value), True
    except ValueError:
        default, literal = None, False
    if kind == "unknown":
        kind = _type_of(default) if literal else _type_of_expression(value)
    return Declared(
        name=name,
        type=kind,
        default=default,
        default_source=_segment(value, lines),
        literal=literal,
        help=comment.strip(),
        annotated=annotated,
        optional=optional or kind == "none",
    )


def _segment(node: ast.expr, lines: list[str]) -> str:
    """The source of an expression (columns count bytes)."""
    first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
    if first == last:
        return lines[first].encode()[node.col_offset : node.end_col_offset].decode()
    parts = [
        lines[first].encode()[node.col_offset :].decode(),
        *lines[first + 1 : last],
        lines[last].encode()[: node.end_col_offset].decode(),
    ]
    return "".join(parts)


def _trailing_comments(source: str) -> dict[int, str]:
    """Line number → text of the comment at its end; comments on lines of their own are none."""
    comments: dict[int, str] = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT and token.line[: token.start[1]].strip():
                comments[token.start[0]] = token.string.lstrip("#").strip()
    except (tokenize.TokenError, SyntaxError):
        pass  # the parser took what the tokenizer doesn't: comments up to there are known
    return comments


def _annotated_type(annotation: ast.expr) -> tuple[ParameterType, bool]:
    """The type of an annotation, and whether None is allowed."""
    match annotation:
        case ast.Constant(value=None):
            found: tuple[ParameterType, bool] = ("none", True)
        case ast.Constant(value=str(text)):
            found = _comment_type(text)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            found = _union([left, right])
        case ast.Subscript(value=generic, slice=ast.Tuple(elts=items)) if items:
            found = _generic_type(_last_name(generic), items)
        case ast.Subscript(value=generic, slice=item):
            found = _generic_type(_last_name(generic), [item])
        case _:
            found = _ANNOTATIONS.get(_last_name(annotation), "unknown"), False
    return found


def _generic_type(name: str, items: list[ast.expr]) -> tuple[ParameterType, bool]:
    if name == "Optional":
        return _annotated_type(items[0])[0], True
    if name == "Union":
        return _union(items)
    if name in {"Annotated", "Final", "ClassVar"}:
        return _annotated_type(items[0])
    if name == "Literal":
        return _literal_type(items)
    return _ANNOTATIONS.get(name, "unknown"), False


def _union(members: list[ast.expr]) -> tuple[ParameterType, bool]:
    kinds: list[ParameterType] = []
    optional = False
    for member in members:
        kind, also_none = _annotated_type(member)
        optional = optional or also_none
        if kind != "none" and kind not in kinds:
            kinds.append(kind)
    if set(kinds) == {"int", "float"}:
        return "float", optional
    return (kinds[0] if len(kinds) == 1 else "unknown"), optional


def _literal_type(items: list[ast.expr]) -> tuple[ParameterType, bool]:
    values = [item.value for item in items if isinstance(item, ast.Constant)]
    kinds = {_ANNOTATIONS.get(type(value).__name__, "unknown") for value in values} - {"none"}
    return (kinds.pop() if len(kinds) == 1 else "unknown"), None in values


def _comment_type(text: str) -> tuple[ParameterType, bool]:
    try:
        return _annotated_type(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "unknown", False


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def _type_of_expression(node: ast.expr) -> ParameterType:
    """The type of a default that has no value as JSON, as far as its form shows it."""
    if isinstance(node, ast.Constant):
        return _type_of(node.value)
    for forms, kind in _FORMS:
        if isinstance(node, forms):
            return kind
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _ANNOTATIONS.get(node.func.id, "unknown")
    try:
        return _type_of(_number(node))
    except ValueError:
        return "unknown"


def _type_of(value: Any) -> ParameterType:
    if value is None:
        return "none"
    return _ANNOTATIONS.get(type(value).__name__, "unknown")


class _NotJson(ValueError):
    """The expression has no value that JSON can hold, or none that is worked out here."""


def _json_value(node: ast.expr) -> Any:
    """The value of a literal as JSON has it; a tuple is a list there.

    Raises:
        _NotJson: it isn't a literal, or JSON (in a browser) can't hold its value.
    """
    if isinstance(node, ast.List | ast.Tuple):
        return [_json_value(element) for element in node.elts]
    if isinstance(node, ast.Dict):
        pairs = {}
        for key, value in zip(node.keys, node.values, strict=True):
            name = key.value if isinstance(key, ast.Constant) else None
            if not isinstance(name, str):
                raise _NotJson("JSON has strings as keys only")
            pairs[name] = _json_value(value)
        return pairs
    if isinstance(node, ast.Constant) and (
        node.value is None or isinstance(node.value, str | bool)
    ):
        if isinstance(node.value, str):
            node.value.encode()  # UnicodeEncodeError is a ValueError
        return node.value
    number = _number(node)
    if isinstance(number, float) and not math.isfinite(number):
        raise _NotJson("JSON has no NaN or Infinity")
    if isinstance(number, int) and abs(number) > _EXACT:
        raise _NotJson("not exact in a browser")
    return number


def _number(node: ast.expr) -> int | float:
    """The value of a number or of plain arithmetic on numbers, such as `60 * 60` or `2**10`.

    Raises:
        _NotJson: it is something else, or too large to work out here.
    """
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return node.value  # type: ignore[return-value]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        number = _number(node.operand)
        return -number if isinstance(node.op, ast.USub) else number
    if isinstance(node, ast.BinOp):
        left, right = _number(node.left), _number(node.right)
        if max(abs(left), abs(right)) > 2**1000:
            raise _NotJson("too large to work out here")
        try:
            return _worked_out(node.op, left, right)
        except (ArithmeticError, TypeError) as error:
            raise _NotJson(str(error)) from error
    raise _NotJson("not a number")


def _worked_out(op: ast.operator, left: float, right: float) -> int | float:
    if isinstance(op, ast.Pow) and abs(right) <= 1000 and abs(left) <= 1000:
        result: int | float | complex = left**right
    elif isinstance(op, ast.Add):
        result = left + right
    elif isinstance(op, ast.Sub):
        result = left - right
    elif isinstance(op, ast.Mult):
        result = left * right
    elif isinstance(op, ast.Div):
        result = left / right
    elif isinstance(op, ast.FloorDiv):
        result = left // right
    elif isinstance(op, ast.Mod):
        result = left % right
    else:
        raise _NotJson("not plain arithmetic")
    if isinstance(result, complex):
        raise _NotJson("not a real number")
    return result
