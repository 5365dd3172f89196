"""What an import leaves behind decides whether it can be shared."""

import json
import os
import sys

import pytest

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="warm start is for Linux"
)

#: What a module does when it is imported → what is said of it.
UNFIT = {
    "prints": ("print('welcome')", "prints when it is imported: welcome"),
    "prints_raw": ("import os\nos.write(1, b'from C')", "prints when it is imported: from C"),
    "handles": (
        "import signal\nsignal.signal(signal.SIGUSR1, lambda *_: None)",
        "changes signal handlers when it is imported",
    ),
    "moves": ("import os\nos.chdir('/')", "changes the working directory when it is imported"),
    "silences": (
        "import warnings\nwarnings.simplefilter('ignore')",
        "changes how warnings are shown when it is imported",
    ),
    "logs": ("import logging\nlogging.basicConfig()", "changes logging when it is imported"),
    "patches": ("import builtins\nbuiltins.mine = 1", "changes builtins when it is imported"),
    "starts": (
        "import subprocess\nsubprocess.Popen(['sleep', '600'], start_new_session=True)",
        "starts a process that goes on",
    ),
    "shell": (
        "get_ipython().events.register('post_execute', print)",
        "uses the notebook's shell (events) when it is imported",
    ),
    "exits": ("import os\nos._exit(3)", "ended the process when it was imported"),
    "raises": ("raise ValueError('no licence')", "can't be imported: ValueError: no licence"),
}


def test_what_a_fork_would_change_is_left_out_and_named(forking, installed):
    """Each by its reason; the module after them is preloaded all the same."""
    names = {}
    for what, (source, _) in UNFIT.items():
        names[what] = installed(f"mlops_{what}_x{os.getpid()}", source).stem
    state = forking(*names.values(), "decimal").state()
    assert state["preloaded"] == ["decimal"]
    assert state["left_out"] == {names[what]: said for what, (_, said) in UNFIT.items()}


def test_temporary_files_are_each_jobs_own(forking, installed):
    """The first job that ends would remove those of the others."""
    name = installed(f"mlops_file_x{os.getpid()}", "import tempfile\nF = tempfile.mkdtemp()").stem
    why = forking(name).state()["left_out"][name]
    assert why.startswith("makes the temporary file /")
    os.rmdir(why.split()[4])


LIBRARY = """
import os, random
os.environ["LIBRARY_HOME"] = "/opt/library"
os.environ["LIBRARY_SESSION"] = os.urandom(8).hex()
WHERE = os.getcwd()
DRAWN = random.Random()
FIXED = random.Random(7)
IN_KERNEL = type(get_ipython()).__name__, "IPKernelApp" in get_ipython().config
"""


@pytest.mark.timeout(200)
def test_what_can_be_handed_on_is(runs, make_notebook, installed):
    """Variables it sets, the folder it was imported in, its fixed seed; not what was drawn."""
    name = installed(f"mlops_library_x{os.getpid()}", LIBRARY).stem
    notebook = make_notebook(
        f"import {name} as library",
        "import json, os\nprint(json.dumps([os.environ['LIBRARY_HOME'], library.WHERE, os.getcwd(),"
        " library.FIXED.random(), library.IN_KERNEL, 'LIBRARY_SESSION' in os.environ]))",
        "print(library.DRAWN.random())",
    )
    runs.run(notebook)
    runs.wait_for_parent(sorted(["json", name, "os"]))
    cold = runs.run(notebook, warm_start=False)
    warm = [runs.run(notebook) for _ in range(2)]
    preloaded = [job["attempts"][0]["start"]["preloaded"] for job in warm]
    assert preloaded == [sorted(["json", name, "os"])] * 2
    facts, drawn = zip(*(runs.printed(job).splitlines() for job in (cold, *warm)), strict=True)
    home, where, cwd, _, kernel, _ = json.loads(facts[0])
    assert (home, where, kernel) == ("/opt/library", cwd, ["ZMQInteractiveShell", True])
    # A variable that is another in every process can't be handed on: the job hasn't got it.
    assert [json.loads(one)[:5] for one in facts[1:]] == [json.loads(facts[0])[:5]] * 2
    assert len(set(drawn)) == 3
