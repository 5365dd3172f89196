"""A forked kernel computes and shows what a fresh one does, and knows nothing of other jobs."""

import json
import re

import pytest

# One thing each that a fork could get wrong.
SAME = {
    "numbers": "import numpy as np\nprint(np.linalg.inv(np.eye(3) * 2).sum())",
    "frames": "import pandas as pd\npd.DataFrame({'a': [1, 2], 'b': ['x', None]}).describe()",
    "learning": (
        "from sklearn.datasets import load_iris\n"
        "from sklearn.ensemble import RandomForestClassifier\n"
        "X, y = load_iris(return_X_y=True)\n"
        "print(RandomForestClassifier(5, random_state=0, n_jobs=2).fit(X, y).score(X, y))"
    ),
    "plot": (
        "%matplotlib inline\nimport matplotlib.pyplot as plt\n"
        "plt.plot([1, 2, 3]); plt.title('t'); plt.show()"
    ),
    "subprocess": "import subprocess\nprint(subprocess.check_output(['echo', 'hi'], text=True))",
    "shell": "!echo from the shell\n%env HOME",
    "bash": "%%bash\necho one; echo two >&2",
    "fork": (
        "import multiprocessing as mp\n"
        "def double(x): return 2 * x\n"
        "with mp.get_context('fork').Pool(2) as pool: print(pool.map(double, [1, 2, 3]))"
    ),
    "spawn": (
        "import multiprocessing as mp, operator\n"
        "with mp.get_context('spawn').Pool(1) as pool: print(pool.map(operator.neg, [1, 2]))"
    ),
    "joblib": (
        "from joblib import Parallel, delayed\nimport math\n"
        "print(Parallel(2)(delayed(math.sqrt)(i) for i in range(4)))"
    ),
    "await": "import asyncio\nawait asyncio.sleep(0.01)\nprint('awaited')",
    "threads": (
        "import threading\nout = []\n"
        "t = threading.Thread(target=out.append, args=(1,)); t.start(); t.join(); print(out)\n"
        "print(threading.current_thread() is threading.main_thread())"
    ),
    "main": "print(__name__)\nclass A: pass\nprint(A.__module__, A)",
    "pickle": "import pickle\nclass P:\n    x = 3\nprint(pickle.loads(pickle.dumps(P())).x)",
    "identity": (
        "import sys, os\nprint([os.path.basename(a) for a in sys.argv[:2]], sys.flags.optimize)\n"
        "print(sys.stdin.read() if sys.stdin else None, sys.path[:3])"
    ),
    "warnings": "import warnings\nwarnings.warn('careful')",
    "logging": "import logging\nlogging.warning('logged'); logging.getLogger().handlers",
    "signals": (
        "import signal\nprint(signal.getsignal(signal.SIGINT) is signal.default_int_handler,\n"
        "      signal.getsignal(signal.SIGCHLD), signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    ),
    "limits": (
        "import resource, os\n"
        "print([resource.getrlimit(n) for n in (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE)])\n"
        "mask = os.umask(0); os.umask(mask); print(mask)"
    ),
    "locale": "import locale, sys, time\nprint(locale.getlocale(), time.tzname)",
    "display": "from IPython.display import HTML, display\ndisplay(HTML('<b>x</b>')); {'a': 1}",
    "history": "In[0], len(Out)",
    "debugger": "import debugpy; print(debugpy.__name__)",
    "directory": (
        "import os\nshell = get_ipython()\n"
        "print(_dh == [os.getcwd()] == [shell.starting_dir], os.path.basename(os.getcwd()))"
    ),
    "environment": (
        "print(sorted(f'{k}={v}' for k, v in os.environ.items()\n"
        "             if not k.startswith(('MLOPS_', 'MLFLOW_', 'PYTHONPATH'))))"
    ),
    "connection": (
        "import json\nfrom ipykernel.connect import get_connection_file\n"
        "info = json.load(open(get_connection_file()))\n"
        "print(get_connection_file() == sys.argv[-1], sorted(info), info['transport'])"
    ),
    "gc": "import gc\nprint(gc.isenabled(), gc.get_threshold())",
}
_VARIES = [
    (re.compile(r"0x[0-9a-f]+"), "0x…"),
    (re.compile(r"/tmp/ipykernel_\d+/\d+\.py"), "<cell>"),
    (re.compile(r"ipykernel_\d+"), "ipykernel_…"),
]


def shown(notebook):
    """The outputs by cell, without what differs between any two runs."""
    found = []
    for cell in notebook["cells"]:
        text = json.dumps(
            [{k: v for k, v in o.items() if k != "metadata"} for o in cell.get("outputs", ())],
            sort_keys=True,
        )
        for pattern, replacement in _VARIES:
            text = pattern.sub(replacement, text)
        found.append(text)
    return found


@pytest.mark.timeout(400)
def test_warm_and_cold_give_the_same(runs, make_notebook):
    """The same notebook, forked with its imports loaded and started as usual: equal outputs."""
    notebook = make_notebook(*SAME.values())
    cold = runs.run(notebook, warm_start=False)
    assert cold["state"] == "succeeded", cold["failure"]
    assert not cold["attempts"][0]["start"]["warm"]
    runs.run(notebook)
    imports = next(p["imports"] for p in runs.parents() if p["imports"])
    runs.wait_for_parent(imports)
    warm = runs.run(notebook)
    start = warm["attempts"][0]["start"]
    assert warm["state"] == "succeeded", warm["failure"]
    assert start["warm"]
    assert {"numpy", "pandas", "sklearn.ensemble", "matplotlib.pyplot"} <= set(start["preloaded"])
    for name, before, after in zip(
        SAME, shown(runs.executed(cold)), shown(runs.executed(warm)), strict=True
    ):
        assert after == before, name


TRACES = """
import builtins, gc, json, os, random, signal, sys, tempfile, threading, resource, warnings, locale
builtins.left_behind = 1
os.environ['LEFT_BEHIND'] = '1'
sys.path.insert(0, '/left/behind'); sys.modules['left_behind'] = os
json.left_behind = 1
random.seed(1); import numpy; numpy.random.seed(1); numpy.left_behind = 1
handle = open(os.environ['TRACE_FILE'], 'w'); os.set_inheritable(handle.fileno(), True)
os.chdir('/'); os.umask(0o777); os.nice(3)
signal.signal(signal.SIGUSR1, lambda *_: None)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); gc.disable(); sys.setrecursionlimit(5000)
warnings.simplefilter('error'); locale.setlocale(locale.LC_ALL, 'C')
threading.Thread(target=threading.Event().wait, daemon=True).start()
"""

LOOK = """
import builtins, gc, json, os, random, signal, sys, threading, resource, numpy
print(json.dumps({
    'builtins': hasattr(builtins, 'left_behind'),
    'environment': sorted({'LEFT_BEHIND', 'ONLY_FIRST', 'TRACE_FILE'} & set(os.environ)),
    'path': '/left/behind' in sys.path,
    'modules': 'left_behind' in sys.modules,
    'attributes': hasattr(json, 'left_behind') or hasattr(numpy, 'left_behind'),
    'cwd': os.getcwd(),
    'umask': (os.umask(0o22), os.umask(0o22))[0],
    'nice': os.nice(0),
    'usr1': str(signal.getsignal(signal.SIGUSR1)),
    'mask': [int(s) for s in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
    'core': resource.getrlimit(resource.RLIMIT_CORE),
    'gc': gc.isenabled(),
    'recursion': sys.getrecursionlimit(),
    'files': sorted(os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd')
                    if os.path.exists(f'/proc/self/fd/{n}')
                    and os.readlink(f'/proc/self/fd/{n}').startswith(('/tmp', '/home', '/root'))
                    and 'kernel' not in os.readlink(f'/proc/self/fd/{n}')),
}))
print([random.random() for _ in range(3)], numpy.random.random(3).tolist(), sep='|')
"""


@pytest.mark.timeout(300)
def test_nothing_passes_from_one_job_to_the_next(runs, make_notebook, tmp_path):
    """A job that leaves traces of all kinds, then one that looks for them, from the same parent."""
    first = make_notebook(TRACES, name="first.ipynb")
    second = make_notebook(LOOK, name="second.ipynb")
    before = runs.run(second, warm_start=False)
    runs.run(second)
    runs.wait_for_parent(next(p["imports"] for p in runs.parents() if p["imports"]))
    traces = runs.run(first, env={"ONLY_FIRST": "1", "TRACE_FILE": str(tmp_path / "trace")})
    assert traces["state"] == "succeeded", traces["failure"]
    looks = [runs.run(second), runs.run(second)]
    assert [look["attempts"][0]["start"]["warm"] for look in looks] == [True, True]
    printed = [runs.printed(look).splitlines() for look in looks]
    expected = json.loads(runs.printed(before).splitlines()[0])
    for lines in printed:
        assert json.loads(lines[0]) == expected
    assert printed[0][1] != printed[1][1], "two jobs drew the same random numbers"


@pytest.mark.timeout(200)
def test_the_kernels_raw_handles_are_its_own(runs, make_notebook):
    """No socket or pipe of the parent, its guard or another job is open in a kernel."""
    notebook = make_notebook(
        "import os\nprint(sorted(os.readlink(f'/proc/self/fd/{n}').split(':')[0] for n in\n"
        "      os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{n}')))"
    )
    warm, again = runs.run(notebook), runs.run(notebook)
    cold = runs.run(notebook, warm_start=False)
    assert warm["attempts"][0]["start"]["warm"]
    handles = [runs.printed(job).replace(job["id"], "<job>") for job in (warm, again, cold)]
    assert handles[0] == handles[1] == handles[2]
