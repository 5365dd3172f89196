"""`%%mlops run`: a cell becomes a job, its outputs come back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from jupyter_mlops.client import Client
from jupyter_mlops.magics.outputs import Outputs
from jupyter_mlops.magics.session import Session

JOB = "application/vnd.jupyter-mlops.job+json"
WIDGET = "application/vnd.jupyter.widget-view+json"


def last_id() -> str:
    """The newest job's id."""
    return str(Client().jobs(limit=1)["jobs"][0]["id"])


def test_a_cell_becomes_a_job(kernel: Any, notebooks: Path) -> None:
    """Streams, displays and results come back as what they are; the notebook is left alone."""
    cell = kernel.run(
        "%%mlops run\n"
        "import os, sys\n"
        "print('to stdout')\n"
        "print('to stderr', file=sys.stderr)\n"
        "from IPython.display import HTML, display\n"
        "display(HTML('<b>shown</b>'), metadata={'a': 1})\n"
        "x = os.getcwd()\n"
        "x\n"
    )
    assert cell.status == "ok", cell.outputs
    assert cell.text() == "to stdout\n"
    assert cell.text("stderr") == "to stderr\n"
    assert "<b>shown</b>" in cell.displays("text/html")
    assert repr(str(notebooks)) in cell.displays("text/plain")
    assert kernel.run("'x' in globals()").displays("text/plain") == ["False"]
    job = Client().job(last_id())
    assert job["name"] == "book: import os, sys"
    assert job["notebook"] == str(notebooks / "book.ipynb")
    assert job["spec"]["tags"] == {"mlops.source": "cell"}


def test_the_job_is_there_for_every_front_end(kernel: Any) -> None:
    """While it runs: ours, a widget, HTML and text. At the end: what needs no kernel."""
    seen: list[set[str]] = []

    def watch(cell: Any) -> None:
        seen.extend(set(o["data"]) for o in cell.outputs if JOB in o.get("data", {}))

    cell = kernel.run("%%mlops run\nimport time\ntime.sleep(1)\n", watch=watch)
    assert seen[0] == {JOB, WIDGET, "text/html", "text/plain"}
    assert [o for o in cell.outputs if JOB not in o.get("data", {})] == []
    (card,) = cell.outputs
    assert set(card["data"]) == {JOB, "text/html", "text/plain"}
    assert card["data"][JOB] == {"id": last_id()}
    assert "succeeded" in card["data"]["text/html"]
    assert "succeeded" in card["data"]["text/plain"]
    opened = {m["content"]["comm_id"] for m in cell.messages if m["msg_type"] == "comm_open"}
    closed = {m["content"]["comm_id"] for m in cell.messages if m["msg_type"] == "comm_close"}
    assert opened == closed


def test_outputs_come_while_it_runs(kernel: Any, tmp_path: Path) -> None:
    """The second line is only printed once the first was seen."""
    go_on = tmp_path / "go on"

    def watch(cell: Any) -> None:
        if cell.text() == "first\n":
            go_on.touch()

    cell = kernel.run(
        "%%mlops run\n"
        "import os, time\n"
        "print('first', flush=True)\n"
        f"while not os.path.exists({str(go_on)!r}):\n"
        "    time.sleep(0.02)\n"
        "print('second')\n",
        watch=watch,
    )
    assert cell.text() == "first\nsecond\n"


def test_what_the_cell_uses_of_its_session(kernel: Any) -> None:
    """Imports are made by themselves; variables come along when they are named."""
    kernel.run("import statistics as st\nfrom math import sqrt as root\nx = [1, 2, 3]\nlr = 5")
    cell = kernel.run("%%mlops run --with x\nprint(st.mean(x), root(16))")
    assert cell.text() == "2 4.0\n", cell.outputs
    failed = kernel.run("%%mlops run\nprint(lr)")
    assert failed.status == "error"
    assert [o["ename"] for o in failed.of("error")] == ["NameError", "JobFailed"]


def test_what_the_notebook_defines_comes_along(kernel: Any) -> None:
    """Functions and classes, with what they use, and what two variables share stays shared."""
    kernel.run(
        "import math\n"
        "class Point:\n"
        "    def __init__(self, x): self.x = x\n"
        "def area(p): return math.pi * p.x ** 2\n"
        "a = Point(2)\n"
        "b = [a]\n"
    )
    cell = kernel.run("%%mlops run --with a,b --with area\nprint(round(area(a), 2), b[0] is a)")
    assert cell.text() == "12.57 True\n"


def test_parameters(kernel: Any) -> None:
    """Typed as they are written; `$name` is a variable's value, braces are only text."""
    kernel.run("import numpy as np\nrates = np.array([0.5, 1.5])\nevil = '1; raise SystemExit'")
    cell = kernel.run(
        "%%mlops run -p a=1 -p b=0.5 -p c='[1, 2]' -p d=$rates -p e=$evil -p f='{\"x\": 1}' "
        "-p g='a {rates} b'\n"
        "print([a, b, c, d, e, f, g])"
    )
    assert cell.text() == (
        "[1, 0.5, [1, 2], [0.5, 1.5], '1; raise SystemExit', {'x': 1}, 'a {rates} b']\n"
    ), cell.error


def test_an_error_is_an_error(kernel: Any) -> None:
    """The job's own, with its traceback; and the cell has failed, so the next don't run."""
    cell = kernel.run("%%mlops run\nprint('before')\n1 / 0")
    assert cell.status == "error"
    assert cell.text() == "before\n"
    own, ours = cell.of("error")
    assert own["ename"] == "ZeroDivisionError"
    assert "1 / 0" in "".join(own["traceback"]) or "0" in "".join(own["traceback"])
    assert ours["ename"] == "JobFailed"
    assert len(ours["traceback"]) == 1
    assert last_id() in ours["traceback"][0]
    assert "jupyter_mlops" not in "".join(own["traceback"] + ours["traceback"])


def test_displays_are_updated_and_cleared(kernel: Any) -> None:
    """As in any cell; the job itself stays."""
    cell = kernel.run(
        "%%mlops run\n"
        "from IPython.display import clear_output, display\n"
        "print('gone')\n"
        "clear_output()\n"
        "print('gone, too')\n"
        "clear_output(wait=True)\n"
        "handle = display('one', display_id=True)\n"
        "handle.update('two')\n"
        "print('stays')\n"
    )
    assert cell.status == "ok", cell.error
    assert cell.text() == "stays\n"
    assert cell.displays("text/plain").count("'two'") == 1
    assert "'one'" not in cell.displays("text/plain")
    assert len(cell.displays(JOB)) == 1


def test_an_interrupt_lets_the_job_go_on(kernel: Any, tmp_path: Path) -> None:
    """It is told how to follow it; attaching shows everything, from the start."""
    go_on = tmp_path / "go on"
    interrupted = []

    def watch(cell: Any) -> None:
        if cell.text() == "first\n" and not interrupted:
            interrupted.append(True)
            kernel.manager.interrupt_kernel()

    source = (
        "%%mlops run\n"
        "import os, time\n"
        "print('first', flush=True)\n"
        f"while not os.path.exists({str(go_on)!r}):\n"
        "    time.sleep(0.02)\n"
        "print('second')\n"
    )
    cell = kernel.run(source, watch=watch)
    job_id = last_id()
    assert cell.status == "error"
    assert "The job goes on" in cell.error
    assert f"%mlops attach {job_id}" in cell.error
    assert f"%mlops cancel {job_id}" in cell.error
    assert "Traceback" not in cell.error
    assert Client().job(job_id)["state"] == "running"
    go_on.touch()
    # The display of the interrupted cell goes on to its end by itself.
    kernel.later(cell, lambda c: "succeeded" in str(c.displays("text/html")))
    again = kernel.run("%mlops attach")
    assert again.text() == "first\nsecond\n"
    assert len(again.displays(JOB)) == 1


def test_a_restarted_kernel_loses_nothing(start_kernel: Callable[..., Any]) -> None:
    """Another kernel of the same notebook attaches to its last job."""
    first = start_kernel()
    first.run("%%mlops run --detach\nimport time\ntime.sleep(1)\nprint('done')")
    first.stop()
    second = start_kernel()
    assert second.run("%mlops attach").text() == "done\n"


def test_a_later_attempt_is_attached_to(kernel: Any, tmp_path: Path) -> None:
    """What it shows comes once, also when the daemon is started anew meanwhile."""
    go_on = tmp_path / "go on"
    source = (
        "%%mlops run --detach --retries 1\n"
        "import os, time\n"
        "assert os.environ['MLOPS_ATTEMPT'] == '2'\n"
        "print('first', flush=True)\n"
        f"while not os.path.exists({str(go_on)!r}):\n"
        "    time.sleep(0.02)\n"
        "print('second')\n"
    )
    detached = kernel.run(source)
    kernel.later(detached, lambda _: Client().job(last_id())["last_output"] == "first")
    stopped = []

    def watch(cell: Any) -> None:
        if cell.text() == "first\n" and not stopped:
            stopped.append(Client().stop_daemon())
            go_on.touch()

    cell = kernel.run("%mlops attach", watch=watch)
    assert stopped == [True]
    assert cell.status == "ok", cell.error
    assert cell.text() == "first\nsecond\n"
    assert cell.text("stderr") == ""


def test_detached_it_goes_on_behind(kernel: Any) -> None:
    """The cell is done at once; its display is live to the end, and then needs no kernel."""
    cell = kernel.run("%%mlops run --detach\nimport time\ntime.sleep(0.5)\nprint('unseen')")
    assert cell.status == "ok"
    assert cell.text() == ""
    assert WIDGET in cell.outputs[0]["data"]
    kernel.later(cell, lambda c: WIDGET not in c.outputs[0]["data"])
    assert "succeeded" in cell.outputs[0]["data"]["text/html"]


def test_the_buttons_click_cancels(kernel: Any) -> None:
    """Where our own front end isn't there: with the kernel idle, by the daemon."""
    cell = kernel.run("%%mlops run --detach\nimport time\ntime.sleep(600)")
    (button,) = [
        m["content"]["comm_id"]
        for m in cell.messages
        if m["msg_type"] == "comm_open"
        and m["content"]["data"]["state"].get("_model_name") == "ButtonModel"
    ]
    data = {"method": "custom", "content": {"event": "click"}}
    message = kernel.client.session.msg("comm_msg", {"comm_id": button, "data": data})
    kernel.client.shell_channel.send(message)
    kernel.later(cell, lambda c: "cancelled" in str(c.displays("text/html")))
    assert Client().job(last_id())["state"] == "cancelled"


def test_a_click_that_cant_be_heard_is_told(start_kernel: Callable[..., Any]) -> None:
    """With the daemon out of reach the card says so; nothing else is shown for it."""
    kernel = start_kernel()
    cell = kernel.run("%%mlops run --detach\nimport time\ntime.sleep(600)")
    (button,) = [
        m["content"]["comm_id"]
        for m in cell.messages
        if m["msg_type"] == "comm_open"
        and m["content"]["data"]["state"].get("_model_name") == "ButtonModel"
    ]
    kernel.run(
        "from jupyter_mlops.client import Client\n"
        "from jupyter_mlops.errors import DaemonUnreachable\n"
        "def away(*_, **__):\n"
        "    raise DaemonUnreachable('Nobody is there.')\n"
        "Client.request = away"
    )
    data = {"method": "custom", "content": {"event": "click"}}
    message = kernel.client.session.msg("comm_msg", {"comm_id": button, "data": data})
    kernel.client.shell_channel.send(message)
    kernel.later(
        cell,
        lambda c: any(
            "Nobody is there." in str(m["content"]["data"])
            for m in c.messages
            if m["msg_type"] == "comm_msg"
        ),
    )
    assert "Traceback" not in cell.text("stderr")
    Client().cancel(last_id())


def test_a_cell_job_is_run_again(kernel: Any) -> None:
    """With what it took along, and its outputs come here; there is no later version of it."""
    kernel.run("x = 3")
    kernel.run("%%mlops run --with x -p y=1\nprint(x + y)")
    assert kernel.run("%mlops rerun -p y=2").text() == "5\n"
    refused = kernel.run("%mlops rerun --latest")
    assert "was a cell" in refused.error
    text = kernel.run("%mlops attach").displays("text/plain")[0]
    assert "--latest" not in text


def test_without_ipywidgets(start_kernel: Callable[..., Any]) -> None:
    """It isn't imported, and nothing is missed: the display itself is updated."""
    kernel = start_kernel()
    kernel.run("import sys\nsys.modules['ipywidgets'] = None")
    cell = kernel.run("%%mlops run\nimport time\ntime.sleep(1)\nprint('fine')")
    assert cell.status == "ok", cell.error
    assert cell.text() == "fine\n"
    assert not [m for m in cell.messages if m["msg_type"] == "comm_open"]
    assert len([m for m in cell.messages if m["msg_type"] == "update_display_data"]) > 1
    assert "succeeded" in cell.displays("text/html")[0]


def test_only_when_asked_is_ipywidgets_imported(start_kernel: Callable[..., Any]) -> None:
    """Verbs that show no job live leave it alone."""
    kernel = start_kernel()
    kernel.run("%mlops jobs")
    assert kernel.run("import sys; 'ipywidgets' in sys.modules").displays("text/plain") == ["False"]


def test_as_json(kernel: Any) -> None:
    """One document, and nothing else on stdout."""
    cell = kernel.run("%%mlops run --json\nprint('not here')")
    job = json.loads(cell.text())
    assert job["state"] == "succeeded"
    assert [o["output_type"] for o in cell.outputs] == ["stream"]


REFUSED = [
    ("%%mlops run\n  \n", "The cell is empty"),
    ("%%mlops\nprint(1)", "what to do with the cell"),
    ("%%mlops dance\nprint(1)", "There is no verb 'dance'"),
    ("%%mlops jobs\nprint(1)", "jobs takes no cell"),
    ("%%mlops run other.ipynb\nprint(1)", "doesn't take 'other.ipynb'"),
    ("%%mlops run --kernel nope\nprint(1)", "nope"),
    ("%%mlops run --with nope\nprint(1)", "--with nope: isn't defined"),
    ("%%mlops run -p a=$nope\nprint(1)", "there is no variable nope"),
    ("%%mlops run -p a=$dispatch\nprint(1)", "which no parameter can be"),
    ("%%mlops run -p 'a b'=1\nprint(1)", "not a name"),
    ("%%mlops run --retries many\nprint(1)", "--retries"),
    ("%%mlops run --nmae x\nprint(1)", "Did you mean --name?"),
    ("%%mlops run --name 'x\nprint(1)", "Close every quotation mark"),
]


@pytest.mark.parametrize(("source", "said"), REFUSED)
def test_what_cant_be_done_is_told(kernel: Any, source: str, said: str) -> None:
    """In a line or two, never a traceback."""
    kernel.run("dispatch = object()")
    cell = kernel.run(source)
    assert cell.status == "error"
    assert said in cell.error
    assert "Traceback" not in cell.error
    assert 'File "' not in cell.error
    assert len(cell.outputs) == 1


def test_only_another_attempt_is_announced(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever follows a queued job is told of its first attempt as well: nothing to say."""
    outputs = Outputs(Session(InteractiveShell()), JOB, aside=lambda: None, again=lambda: None)
    outputs.take({"type": "attempt", "number": 1})
    assert capsys.readouterr().err == ""
    outputs.take({"type": "attempt", "number": 2})
    assert "attempt 2" in capsys.readouterr().err
