"""Attack 24 against real interpreters, where they are installed: values arrive as data.

Each is told what it should hold by the code points of every string, written in plain digits, and
says itself whether it does.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from jupyter_client.manager import KernelManager

from jupyter_mlops.converters.parameters import injected_source

if TYPE_CHECKING:
    from jupyter_client.blocking import BlockingKernelClient

TEXTS = [
    "",
    "'",
    '"',
    '"""',
    "\\",
    "\\'",
    'it\'s "quoted" \\ here',
    "line\nbreak\r\nand\ttab",
    "\u2028\u2029\u0085\x0b\x0c\x1a",
    "$(touch /tmp/pwned) `id` ${HOME} $HOME $x",
    "#{1+1} %{x} {0} %s %d \\$x",
    "}}; quit() #",
    "*/ exit // %",
    "\u2018single\u2019 \u201cdouble\u201d \u201alow\u201b",
    "\u5831\u544a \U0001f680 \U0010ffff \u00e9",
    "\x1b[31m\x07\x08\x7f",
    "!! !ls !$",
    "a\\u0022b \\n \\x41 \\101 \\U00000022",
    "\u202e rtl",
    "...",
    "' + system('id') + '",
]


def run(command: list[str], script: str, path: Path) -> str:
    """What the interpreter writes when it runs the script."""
    path.write_text(script, "utf-8")
    done = subprocess.run([*command, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="there is no R")
def test_a24_r_holds_what_was_given(tmp_path):
    """Strings, numbers, lists with and without names, and names that begin with an underscore."""
    parameters = {f"p{index}": text for index, text in enumerate(TEXTS)}
    script = injected_source("R", {
        **parameters,
        "whole": 2**53, "tiny": -1.5e-300, "nan": float("nan"), "low": float("-inf"),
        "flag": True, "nothing": None, "_x": 1,
        "deep": [1, "a", None, [True, {'k"': "v", "": 2}]],
    })  # fmt: skip
    for name, text in parameters.items():
        points = ", ".join(str(ord(char)) for char in text)
        script += f"stopifnot(identical(utf8ToInt({name}), as.integer(c({points}))))\n"
    script += (
        "stopifnot(whole == 9007199254740992, tiny == -1.5e-300, is.nan(nan), low == -Inf)\n"
        "stopifnot(identical(flag, TRUE), is.null(nothing), `_x` == 1)\n"
        "stopifnot(length(deep) == 4, is.null(deep[[3]]), deep[[4]][[1]] == TRUE)\n"
        'stopifnot(identical(names(deep[[4]][[2]]), c("k\\"", "")))\n'
        'cat("same")\n'
    )
    script = script.replace(", as.integer(c())", ", integer(0)")
    assert run(["Rscript", "--vanilla", "--encoding=UTF-8"], script, tmp_path / "x.R") == "same"


@pytest.mark.skipif(shutil.which("octave-cli") is None, reason="there is no Octave")
def test_a24_octave_holds_what_was_given(tmp_path):
    """Strings as bytes of UTF-8, numbers, cell arrays and maps."""
    parameters = {f"p{index}": text for index, text in enumerate(TEXTS)}
    script = injected_source("octave", {
        **parameters,
        "whole": 2**53, "nan": float("nan"), "low": float("-inf"), "flag": True, "nothing": None,
        "deep": [1, "a", [True, {"k'": "v", "\n": 2}]], "empty": {},
    })  # fmt: skip
    for name, text in parameters.items():
        points = " ".join(str(byte) for byte in text.encode())
        script += f"assert (isequal (double ({name}(:))', double ([{points}](:))'))\n"
    script += (
        "assert (whole == 9007199254740992 && isnan (nan) && low == -Inf)\n"
        "assert (islogical (flag) && flag && isempty (nothing))\n"
        "assert (iscell (deep) && deep{1} == 1 && strcmp (deep{2}, 'a') && deep{3}{1} == true)\n"
        "assert (strcmp (deep{3}{2}('k'''), 'v') && deep{3}{2}(char (10)) == 2)\n"
        "assert (empty.Count == 0)\nprintf ('same')\n"
    )
    command = ["octave-cli", "--norc", "--no-history", "--quiet"]
    assert run(command, script, tmp_path / "x.m") == "same"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("scala") is None, reason="there is no Scala")
def test_a24_scala_holds_what_was_given(tmp_path):
    r"""Also where \u is replaced before strings are recognised (2.11), halves of characters too."""
    texts = [text for text in TEXTS if "\x1a" not in text] + ["\ud800", "\u2028\u2029\u0085"]
    parameters = {f"p{index}": text for index, text in enumerate(texts)}
    script = injected_source("scala", {
        **parameters,
        "whole": 2**63 - 1, "least": -(2**63), "tiny": -1.5e-300, "nan": float("nan"),
        "low": float("-inf"), "flag": True, "deep": [1, "a", None, {'k"': [True]}],
    })  # fmt: skip
    for name, text in parameters.items():
        raw = text.encode("utf-16-be", "surrogatepass")
        units = ", ".join(
            str(int.from_bytes(raw[at : at + 2], "big")) for at in range(0, len(raw), 2)
        )
        script += f"assert({name}.map(_.toInt).toList == List[Int]({units}))\n"
    script += (
        "assert(whole == Long.MaxValue && least == Long.MinValue && tiny == -1.5e-300)\n"
        "assert(nan.isNaN && low.isNegInfinity && flag)\n"
        'assert(deep == Seq(1, "a", null, Map("k\\"" -> Seq(true))))\nprint("same")\n'
    )
    assert run(["scala", "-nc", "-encoding", "UTF-8"], script, tmp_path / "x.scala") == "same"


@pytest.fixture
def bash_kernel(tmp_path) -> Iterator[BlockingKernelClient]:
    """A real bash kernel, which types what it is given into a terminal."""
    pytest.importorskip("bash_kernel")
    manager = KernelManager(
        connection_file=str(tmp_path / "kernel.json"), transport="ipc", ip=str(tmp_path / "k")
    )
    manager.kernel_spec.argv[:] = [sys.executable, "-m", "bash_kernel", "-f", "{connection_file}"]
    manager.start_kernel(cwd=str(tmp_path))
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_a24_a_bash_kernel_holds_what_was_given(bash_kernel, tmp_path):
    """Through the terminal that bash_kernel types into, history expansion and key bindings on."""
    parameters = {f"p{index}": text for index, text in enumerate(TEXTS)}
    parameters["long"] = "x \u00e9' \t!" * 2000
    source = injected_source("bash", {**parameters, "list": ["a b", "", "$x"], "n": {"k": [1]}})
    names = [*parameters, "n"]
    source += "".join(f'printf "%s\\0" "${name}" >> "{tmp_path}/out"\n' for name in names)
    source += f'printf "%s\\0" "${{#list[@]}}" "${{list[@]}}" >> "{tmp_path}/out"\n'
    reply = bash_kernel.execute_interactive(source, timeout=60, output_hook=lambda _: None)
    assert reply["content"]["status"] == "ok"
    found = (tmp_path / "out").read_bytes().split(b"\0")[:-1]
    assert found == [text.encode() for text in parameters.values()] + [
        b'{"k": [1]}',
        b"3",
        b"a b",
        b"",
        b"$x",
    ]
