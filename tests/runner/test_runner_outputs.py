"""Every output arrives, where it belongs, and floods are capped and say so."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from collections.abc import Callable
from contextlib import suppress

import pytest
from mlops_runner import RunnerAttempt, code

Make = Callable[..., RunnerAttempt]
MB = 2**20


def test_f32_sixty_thousand_flushed_prints(make_attempt: Make):
    """All of them are there, in order; in the notebook, the events and the log."""
    attempt = make_attempt("for i in range(60_000): print('line', i, flush=True)")
    assert attempt.run()["state"] == "succeeded"
    wanted = "".join(f"line {number}\n" for number in range(60_000))
    assert attempt.text(0) == wanted
    assert "".join(event["text"] for event in attempt.events_of("stream")) == wanted
    assert attempt.log == wanted
    assert len(attempt.outputs(0)) == 1
    assert len(attempt.events_of("stream")) < 6_000


def test_f31_flood_is_capped_and_says_so(make_attempt: Make):
    """500 MB of text: the job succeeds, its beginning and end are there, the rest is counted."""
    attempt = make_attempt(
        "for i in range(500): print(f'{i} ' + 'x' * 10**6)\nprint('the end')", "print('after')"
    )
    attempt.start()
    peak = _peak_memory(attempt)
    assert attempt.wait(180) == 0, attempt.said()
    text = attempt.text(0)
    assert 32 * MB <= len(text) < 33 * MB
    assert "0 xxx" in text[:10]
    assert "omitted" in text
    assert text.endswith("the end\n")
    assert attempt.text(1) == "after\n"
    assert any("more output than is kept" in event["text"] for event in attempt.events_of("note"))
    files = [attempt.directory / name for name in ("events.jsonl", "log.txt", "notebook.ipynb")]
    assert max(path.stat().st_size for path in files) < 40 * MB
    assert peak < 500 * MB


def _peak_memory(attempt: RunnerAttempt) -> int:
    """The runner's highest resident size, seen while it runs."""
    assert attempt.process is not None
    peak = 0
    while attempt.process.poll() is None:
        try:
            with open(f"/proc/{attempt.process.pid}/status") as file:
                lines = [line for line in file if line.startswith("VmHWM:")]
        except OSError:
            break
        peak = max(peak, *(int(line.split()[1]) * 1024 for line in lines), 0)
        with suppress(subprocess.TimeoutExpired):
            attempt.process.wait(0.2)
    return peak


def test_f33_one_huge_display(make_attempt: Make):
    """200 MB of HTML: a marker in its place, the next cell runs."""
    attempt = make_attempt(
        "from IPython.display import HTML, display\ndisplay(HTML('x' * 2 * 10**8))", "print(1)"
    )
    assert attempt.run(180)["state"] == "succeeded"
    assert "191 MB omitted" in "".join(attempt.outputs(0)[0]["data"]["text/plain"])
    assert attempt.text(1) == "1\n"
    assert (attempt.directory / "notebook.ipynb").stat().st_size < MB


def test_f33_ten_thousand_images(make_attempt: Make):
    """What fits is kept, the rest is one marker."""
    attempt = make_attempt(
        "import base64, os\nfrom IPython.display import display\n"
        "data = base64.b64encode(os.urandom(3000)).decode()\n"
        "for _ in range(10_000): display({'image/png': data}, raw=True)",
        limits={"cell_bytes": 4 * MB, "total_bytes": 16 * MB, "single_bytes": MB},
    )
    assert attempt.run()["state"] == "succeeded"
    outputs = attempt.outputs(0)
    assert 900 < sum(output["output_type"] == "display_data" for output in outputs) < 1100
    assert "outputs" in attempt.text(0)
    assert outputs[-1]["output_type"] == "stream"


def test_the_whole_notebook_has_a_limit(make_attempt: Make):
    """Many cells below the limit of one can't fill the memory either."""
    attempt = make_attempt(
        *["print('x' * 300_000)"] * 20,
        limits={"cell_bytes": MB, "total_bytes": 2 * MB, "single_bytes": MB},
    )
    assert attempt.run()["state"] == "succeeded"
    assert len(attempt.text(0)) == 300_001
    assert "omitted" in attempt.text(19)
    assert sum(len(attempt.text(index)) for index in range(20)) < 2.3 * MB
    assert len(attempt.events_of("note")) <= 2


def test_live_events_have_an_end(make_attempt: Make):
    """A loop that shows and clears again fills neither the notebook nor the events."""
    attempt = make_attempt(
        "from IPython.display import clear_output, display\n"
        "for i in range(3000):\n"
        "    clear_output(wait=True); display({'text/plain': f'{i} ' + 'x' * 10_000}, raw=True)",
        limits={"cell_bytes": 2 * MB, "total_bytes": 4 * MB, "single_bytes": MB},
    )
    assert attempt.run()["state"] == "succeeded"
    (output,) = attempt.outputs(0)
    assert "".join(output["data"]["text/plain"]).startswith("2999 ")
    assert (attempt.directory / "events.jsonl").stat().st_size < 9 * MB
    assert any("live" in event["text"] for event in attempt.events_of("note"))


def test_streams_are_coalesced_in_order(make_attempt: Make):
    """Stdout and stderr interleave as they were written."""
    attempt = make_attempt(
        "import sys\n"
        "for i in range(3):\n"
        "    print('out', i, flush=True); print('err', i, file=sys.stderr, flush=True)"
    )
    attempt.run()
    assert [(o["name"], "".join(o["text"])) for o in attempt.outputs(0)] == [
        (name, f"{kind} {number}\n")
        for number in range(3)
        for name, kind in (("stdout", "out"), ("stderr", "err"))
    ]


def test_output_below_python_belongs_to_its_cell(make_attempt: Make):
    """Subprocesses and C libraries write to descriptors: it isn't lost, nor in the wrong cell."""
    attempt = make_attempt(
        "import os, subprocess, ctypes\nlibc = ctypes.CDLL(None)",
        "os.system('echo from a shell')",
        "subprocess.run(['echo', 'from a child'])",
        "libc.printf(b'from C\\n')",
        "os.write(2, 'straight to é\\n'.encode())",
        "os.system('seq 20000')",
        "print('last')",
    )
    assert attempt.run()["state"] == "succeeded", attempt.said()
    assert attempt.text(1) == "from a shell\n"
    assert attempt.text(2) == "from a child\n"
    assert attempt.text(3) == "from C\n"
    assert attempt.text(4, "stderr") == "straight to é\n"
    assert attempt.text(5) == "".join(f"{number}\n" for number in range(1, 20_001))
    assert attempt.text(6) == "last\n"
    assert attempt.log.count("from a shell") == 1


def test_threads_and_exit_handlers_are_heard(make_attempt: Make):
    """What is printed after the last cell is in the notebook, too."""
    attempt = make_attempt(
        "import atexit, threading, time\n"
        "atexit.register(lambda: print('goodbye'))\n"
        "def late():\n    time.sleep(0.3); print('from a thread')\n"
        "threading.Thread(target=late).start()",
        "print('last')",
    )
    assert attempt.run()["state"] == "succeeded"
    everything = attempt.text(0) + attempt.text(1)
    assert "from a thread\n" in everything
    assert "goodbye\n" in everything
    assert attempt.result == attempt.notebook
    assert "goodbye" in attempt.log


def test_files_left_open_are_complete(make_attempt: Make, tmp_path):
    """The kernel ends as an interpreter does: buffers are flushed, destructors run."""
    plain, packed, deleted = tmp_path / "plain", tmp_path / "packed.gz", tmp_path / "deleted"
    attempt = make_attempt(
        f"f = open({str(plain)!r}, 'w'); f.write('kept')",
        f"import gzip; g = gzip.open({str(packed)!r}, 'wt'); g.write('packed')",
        "class D:\n    def __del__(self, open=open):\n"
        f"        open({str(deleted)!r}, 'w').write('deleted')\nd = D()",
        f"{{'hidden': [open({str(tmp_path / 'cycle')!r}, 'w')]}}['hidden'][0].write('x'); 1",
    )
    assert attempt.run()["state"] == "succeeded"
    assert plain.read_text() == "kept"
    assert gzip.decompress(packed.read_bytes()) == b"packed"
    assert deleted.read_text() == "deleted"
    assert (tmp_path / "cycle").read_text() == "x"


def test_clear_output(make_attempt: Make):
    """At once, and before the next output."""
    attempt = make_attempt(
        "from IPython.display import clear_output\nprint('a'); clear_output(); print('b')",
        "print('a'); clear_output(wait=True); print('b')",
        "print('a'); clear_output(wait=True)",
    )
    attempt.run()
    assert [attempt.text(index) for index in range(3)] == ["b\n", "b\n", "a\n"]
    assert [event["wait"] for event in attempt.events_of("clear_output")] == [False, True, True]


def test_update_display_reaches_earlier_cells(make_attempt: Make):
    """A display is updated wherever it was shown; events carry its id."""
    attempt = make_attempt(
        "from IPython.display import display, update_display\n"
        "h = display({'text/plain': 'one'}, raw=True, display_id='x')",
        "display({'text/plain': 'two'}, raw=True, display_id='x')",
        "update_display({'text/plain': 'three'}, raw=True, display_id='x')",
    )
    attempt.run()
    shown = ["".join(attempt.outputs(index)[0]["data"]["text/plain"]) for index in (0, 1)]
    assert shown == ["three", "three"]
    assert attempt.outputs(2) == []
    assert "transient" not in attempt.outputs(0)[0]
    first = attempt.events_of("output")[0]["output"]
    assert first["transient"] == {"display_id": "x"}
    assert [event["data"] for event in attempt.events_of("update_display")] == [
        {"text/plain": "two"},
        {"text/plain": "three"},
    ]


def test_four_thousand_display_updates(make_attempt: Make):
    """A live plot's updates leave one output."""
    attempt = make_attempt(
        "from IPython.display import display\nh = display({'text/plain': '0'}, raw=True, "
        "display_id=True)\nfor i in range(4000): h.update({'text/plain': str(i)}, raw=True)"
    )
    assert attempt.run()["state"] == "succeeded"
    (output,) = attempt.outputs(0)
    assert output["data"]["text/plain"] == ["3999"]


def test_widgets_keep_their_state(make_attempt: Make):
    """Widgets still show what they showed; an Output widget has what was printed in it."""
    attempt = make_attempt(
        "import ipywidgets as widgets\nfrom IPython.display import display\n"
        "bar = widgets.IntProgress(max=10); display(bar)\nfor i in range(11): bar.value = i",
        "out = widgets.Output(); display(out)\n"
        "with out:\n    print('inside'); print('twice')\nprint('outside')",
        "print(out.outputs)",
    )
    assert attempt.run()["state"] == "succeeded", attempt.said()
    state = attempt.notebook["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]
    models = {model["model_name"]: model["state"] for model in state["state"].values()}
    assert models["IntProgressModel"]["value"] == 10
    (inside,) = models["OutputModel"]["outputs"]
    assert inside == {"output_type": "stream", "name": "stdout", "text": "inside\ntwice\n"}
    assert attempt.text(1) == "outside\n"
    assert "inside\\ntwice" in attempt.text(2)
    view = attempt.outputs(0)[0]["data"]["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] in state["state"]


def test_tqdm_in_a_notebook(make_attempt: Make):
    """A tqdm.auto bar works with nobody at the screen; the log has its last state, not its all."""
    attempt = make_attempt(
        "from tqdm.auto import tqdm\nfor i in tqdm(range(200)): pass",
        "from tqdm import tqdm as text_bar\nfor i in text_bar(range(200), mininterval=0): pass",
    )
    assert attempt.run()["state"] == "succeeded", attempt.said()
    assert "200/200" in attempt.text(1, "stderr")
    assert "200/200" in attempt.log
    assert attempt.log.count("%|") < 20


def test_input_is_refused(make_attempt: Make):
    """Nobody is there to answer: a clear error instead of waiting for ever."""
    attempt = make_attempt("input('name?')")
    assert attempt.run()["failure"]["ename"] == "StdinNotImplementedError"


def test_a32_escape_sequences_stay_out_of_the_log(make_attempt: Make):
    """Colours, titles, cursor movements: in the notebook as printed, in the log as text."""
    attempt = make_attempt(
        "print('\\x1b[31mred\\x1b[0m \\x1b]0;title\\x07tab\\there \\x1b[2J\\x9b1mend\\x00')"
    )
    attempt.run()
    assert attempt.log == "red tab\there end\n"
    assert "\x1b[31m" in attempt.text(0)


def test_text_that_is_no_text(make_attempt: Make):
    """Lone surrogates and NaN make neither the notebook nor the events unreadable."""
    attempt = make_attempt(
        "print('a\\ud800b')",
        "from IPython.display import display\n"
        "display({'application/json': {'x': float('nan'), 'y': [float('inf')]}}, raw=True)",
    )
    assert attempt.run()["state"] == "succeeded", attempt.said()

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    for name in ("notebook.ipynb", "events.jsonl"):
        for line in (attempt.directory / name).read_text("utf-8").split("\n\n"):
            if name == "notebook.ipynb":
                json.loads(line, parse_constant=refuse)
    for event in (attempt.directory / "events.jsonl").read_text("utf-8").splitlines():
        json.loads(event, parse_constant=refuse)
    assert attempt.text(0)[0] == "a"


def test_display_in_child_processes(make_attempt: Make):
    """What forked workers print arrives."""
    attempt = make_attempt(
        "import multiprocessing as mp\n"
        "import sys\ndef work(i): sys.stdout.write(f'worker {i}\\n')\n"
        "with mp.get_context('fork').Pool(2) as pool: pool.map(work, range(4))",
        "import time; time.sleep(0.3)",
    )
    assert attempt.run()["state"] == "succeeded", attempt.said()
    everything = attempt.text(0) + attempt.text(1)
    assert sorted(everything.split("\n"))[1:] == [f"worker {number}" for number in range(4)]


def test_async_cells_do_not_overlap(make_attempt: Make):
    """A cell that awaits ends before the next begins, though it was sent ahead."""
    attempt = make_attempt(
        "import asyncio\nseen = []",
        "seen.append('a'); await asyncio.sleep(0.2); seen.append('b')",
        "seen.append('c')",
        "print(seen)",
    )
    attempt.run()
    assert attempt.text(3) == "['a', 'b', 'c']\n"


def test_quiet_notebooks_are_mentioned(make_attempt: Make):
    """When nothing was printed for long, the log and the events say so."""
    attempt = make_attempt("import time; time.sleep(1.5)", quiet_after=0.4)
    assert attempt.run()["state"] == "succeeded"
    notes = [event["text"] for event in attempt.events_of("note")]
    assert notes
    assert "No output for" in notes[0]
    assert "cell 1 " in notes[0]
    assert notes[0] in attempt.log


@pytest.mark.parametrize("count", [200])
def test_saves_while_running_are_true(make_attempt: Make, count: int):
    """A notebook saved on the way says which cell runs and which wait."""
    attempt = make_attempt("print('first')", "import time; time.sleep(4)", "print('later')")
    attempt.start().wait_for("saved")
    notebook = attempt.notebook
    assert [cell["metadata"]["mlops"]["status"] for cell in notebook["cells"]] == [
        "succeeded",
        "running",
        "waiting",
    ]
    assert notebook["metadata"]["mlops"]["state"] == "running"
    known = [
        event for event in attempt.events if event["seq"] <= notebook["metadata"]["mlops"]["seq"]
    ]
    assert known[-1]["type"] == "cell_started"
    assert attempt.wait() == 0


def test_code_is_not_shown_the_runner(make_attempt: Make):
    """A cell sees a usual kernel: its argv, its main module, its streams."""
    attempt = make_attempt(
        "import sys, os\nprint(os.path.basename(sys.argv[0]))",
        "print(__name__, '' in sys.path, 'jobs/runner' in ''.join(sys.path))",
        "print(type(sys.stdout).__module__, type(sys.stdout).__name__, "
        "type(get_ipython().kernel).__name__)",
        code("import debugpy; print('debugpy' in sys.modules)"),
    )
    assert attempt.run()["state"] == "succeeded"
    assert attempt.text(0) == "ipykernel_launcher.py\n"
    assert attempt.text(1) == "__main__ True False\n"
    assert attempt.text(2) == "ipykernel.iostream OutStream IPythonKernel\n"
    assert os.linesep == "\n"


def test_what_threads_print_between_short_cells_arrives(make_attempt: Make) -> None:
    """Whoever flushes, the cell or the clock: each line once, none after its cell's end is lost."""
    many = 150
    attempt = make_attempt(
        "import sys, threading, time\n"
        "def talk():\n"
        "    for i in range(2000):\n"
        "        print('thread', i, file=sys.stderr)\n"
        "        if i % 20 == 0: time.sleep(0.001)\n"
        "talking = threading.Thread(target=talk)\n"
        "talking.start()",
        *(f"print('cell {number}')" for number in range(many)),
        "talking.join()",
    )
    assert attempt.run()["state"] == "succeeded"
    for number in range(many):
        assert attempt.text(1 + number) == f"cell {number}\n"
    said = "".join(attempt.text(number, "stderr") for number in range(many + 2))
    assert sorted(said.splitlines()) == sorted(f"thread {i}" for i in range(2000))


def test_what_is_changed_of_ipykernel_is_there(make_attempt: Make) -> None:
    """Names that `batch_kernel` and `batch_output` replace still mean what they did."""
    attempt = make_attempt(
        "import sys\n"
        "from ipykernel import ipkernel\n"
        "from ipykernel.iostream import IOPubThread\n"
        "print(ipkernel._accepts_parameters.__wrapped__.__module__)\n"
        "print(IOPubThread.schedule.__module__, IOPubThread._handle_event.__module__)\n"
        "print(type(sys.stdout)._schedule_flush.__module__)"
    )
    assert attempt.run()["state"] == "succeeded"
    assert attempt.text(0).splitlines() == [
        "ipykernel.kernelbase",
        "_mlops_batch_output _mlops_batch_output",
        "_mlops_batch_output",
    ]


def test_prints_and_raw_output_keep_their_order(make_attempt: Make) -> None:
    """What a subprocess wrote before a print comes before it, each time."""
    attempt = make_attempt(
        "import os\n"
        "for i in range(60):\n"
        "    os.write(1, b'raw %d\\n' % i)\n"
        "    print('printed', i)\n"
        "os.system('echo raw of another')\nprint('the last')"
    )
    assert attempt.run()["state"] == "succeeded"
    expected = [f"{kind} {i}" for i in range(60) for kind in ("raw", "printed")]
    assert attempt.text(0).splitlines() == [*expected, "raw of another", "the last"]
