"""Cells of Python notebooks as plain Python, so that its own parser can read them.

IPython's syntax (`%magic`, `!command`, `name?`, `x = !ls`, `%%cell`) is replaced line by line by
something harmless with the same number of lines. Nothing is executed; IPython isn't needed.
"""

from __future__ import annotations

import ast
import re
import threading
import warnings

_parsing = threading.Lock()

#: Cell magics whose body is Python that runs in the notebook's own namespace.
PYTHON_CELL_MAGICS = frozenset({"time", "timeit", "capture", "prun", "mlops", "memit", "mprun"})

#: Nobody writes longer magics (characters), and some patterns take long over such lines.
_MAX_LINE = 5_000

_CELL_MAGIC = re.compile(r"\s*%%(?P<name>[^\W\d]\w*)(?P<line>.*)")
_LINE_MAGIC = re.compile(r"(?P<indent>\s*)(?:%[^\W\d%]|!|\?{1,2}\s*[%\w]|[,;/][^\W\d])")
_ASSIGNED = re.compile(r"(?P<indent>\s*)(?P<target>[^\W\d][\w.,\s\[\]'\"]*+)=\s*(?:%[^\W\d]|!)")
_HELP = re.compile(
    r"(?P<indent>\s*)%{0,2}[^\W\d][\w.*]*+(?:\[[^\]]*\][\w.*]*+)?\s*\?{1,2}\s*(?:#.*)?"
)
#: What decides whether the next line begins a statement. A string that isn't closed goes to the end
#: of its line: beginning anew at each quote in it would take time in proportion to the square.
_TOKEN = re.compile(
    r'(?P<triple>[rRbBuUfFtT]{0,2}(?P<quotes>"""|\'\'\'))'
    r"|[rRbBuUfFtT]{0,2}(?:\"(?:[^\"\\\n]|\\.)*+\"?|'(?:[^'\\\n]|\\.)*+'?)"
    r"|#[^\n]*|(?P<open>[\[({])|(?P<close>[\])}])"
)


def python_source(source: str) -> str:
    """`source` with IPython's own syntax replaced; "" for a cell that holds another language."""
    return python_tree(source)[0]


def python_tree(source: str) -> tuple[str, ast.Module | None]:
    """The same, and its syntax tree; None where it has none."""
    lines = source.split("\n")
    first = next((index for index, line in enumerate(lines) if line.strip()), None)
    if first is None:
        return source, ast.Module(body=[], type_ignores=[])
    if match := _CELL_MAGIC.match(lines[first]):
        if match["name"] not in PYTHON_CELL_MAGICS:
            return "", ast.Module(body=[], type_ignores=[])
        lines[: first + 1] = [""] * (first + 1)
        return python_tree("\n".join(lines))
    indent = lines[first][: len(lines[first]) - len(lines[first].lstrip())]
    if indent:  # a cell that was indented as a whole runs like one that wasn't
        lines = [line.removeprefix(indent) for line in lines]
        source = "\n".join(lines)
    if (tree := parsed(source)) is not None:
        return source, tree
    neutral = _neutral(lines)
    return neutral, parsed(neutral)


def _neutral(lines: list[str]) -> str:
    depth, quotes, continued = 0, "", False
    for index, line in enumerate(lines):
        if depth == 0 and not quotes and not continued:
            replaced = _replaced(line)
            if replaced is not None:
                lines[index] = replaced
                # A command may go on behind a backslash: those lines are its own.
                continued = line.endswith("\\")
                if continued:
                    _blank_continuation(lines, index)
                    continued = False
                continue
        depth, quotes = _after(line, depth, quotes)
        continued = not quotes and line.endswith("\\")
    return "\n".join(lines)


def _blank_continuation(lines: list[str], index: int) -> None:
    """Empty the lines that a command behind a backslash goes on with."""
    following = index + 1
    while following < len(lines):
        goes_on = lines[following].endswith("\\")
        lines[following] = "#\\" if goes_on else "#"
        if not goes_on:
            return
        following += 1


def _replaced(line: str) -> str | None:
    """The line as Python when it is IPython's, None when it is Python already."""
    if len(line) > _MAX_LINE:
        return None
    if match := _ASSIGNED.match(line):
        return f"{match['indent']}{match['target'].rstrip()} = None"
    if match := _LINE_MAGIC.match(line) or _HELP.fullmatch(line):
        return f"{match['indent']}pass"
    return None


def _after(line: str, depth: int, quotes: str) -> tuple[int, str]:
    """Bracket depth and open triple quote after `line`."""
    position = 0
    while position <= len(line):
        if quotes:
            end = _closing(line, position, quotes)
            if end < 0:
                return depth, quotes
            position, quotes = end, ""
        match = _TOKEN.search(line, position)
        if match is None:
            return depth, ""
        if match["triple"]:
            quotes = match["quotes"]
        elif match["open"]:
            depth += 1
        elif match["close"]:
            depth = max(0, depth - 1)
        position = match.end()
    return depth, quotes


def _closing(line: str, position: int, quotes: str) -> int:
    """Behind the closing triple quote, -1 when the line has none; escaped quotes don't count."""
    while position < len(line):
        if line[position] == "\\":
            position += 2
        elif line.startswith(quotes, position):
            return position + 3
        else:
            position += 1
    return -1


def parsed(source: str) -> ast.Module | None:
    """The syntax tree of plain Python, None where it has none."""
    try:
        # "\d" in a string is the notebook's affair, not our log's. The list of filters is the whole
        # process's: two threads that change and restore it at once would leave it changed.
        with _parsing, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
