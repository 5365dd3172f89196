"""The pool: nobody waits for a boot, memory is given back, a dead parent is replaced."""

import os
import signal
import time

import pytest

from jupyter_mlops import paths
from jupyter_mlops.jobs.identity import start_time


def until(condition, patience=60.0):
    """Wait for something that a process does."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def settings(home, text):
    """Write the operator's settings."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    (home / "mlops.yaml").write_text(text)


@pytest.mark.timeout(200)
def test_a_killed_parent_is_replaced(runs, make_notebook):
    """The next job starts as usual, the one after it is warm again."""
    notebook = make_notebook("print(1)")
    until(lambda: all(parent["ready"] for parent in runs.parents()))
    killed = [parent["pid"] for parent in runs.parents()]
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    until(lambda: all(start_time(pid) is None for pid in killed))
    job = runs.run(notebook)
    assert job["state"] == "succeeded"
    assert not job["attempts"][0]["start"]["warm"]
    runs.wait_for_parent([])
    assert runs.run(notebook)["attempts"][0]["start"]["warm"]


@pytest.mark.timeout(200)
def test_a_changed_package_has_a_fresh_parent(runs, make_notebook, installed):
    """The job that finds it changed imports it itself; those after it are warm again."""
    module = installed(f"mlops_upgraded_x{os.getpid()}", "VERSION = 1")
    notebook = make_notebook(f"import {module.stem}\nprint({module.stem}.VERSION)")
    runs.run(notebook)
    old = runs.wait_for_parent([module.stem])
    module.write_text("VERSION = 22")
    job = runs.run(notebook)
    assert runs.printed(job) == "22\n"
    assert module.name in job["attempts"][0]["start"]["reason"]
    until(lambda: runs.run(notebook)["attempts"][0]["start"]["preloaded"] == [module.stem])
    assert runs.wait_for_parent([module.stem])["pid"] != old["pid"]
    assert runs.printed(runs.run(notebook)) == "22\n"


@pytest.mark.timeout(200)
def test_another_environment_variable_is_another_parent(runs, make_notebook):
    """A library may read it when it is imported, so it never comes too late."""
    notebook = make_notebook("import os; print(os.environ['OMP_NUM_THREADS'])")
    job = runs.run(notebook, env={"OMP_NUM_THREADS": "3"})
    assert not job["attempts"][0]["start"]["warm"]
    assert "starting" in job["attempts"][0]["start"]["reason"]
    until(lambda: len([p for p in runs.parents() if p["role"] == "kernel" and p["ready"]]) > 1)
    until(lambda: runs.run(notebook, env={"OMP_NUM_THREADS": "3"})["attempts"][0]["start"]["warm"])


@pytest.mark.timeout(200)
def test_a_changed_local_module_is_always_read_afresh(runs, make_notebook):
    """Modules beside the notebook are never preloaded."""
    notebook = make_notebook("import beside; print(beside.VALUE)")
    printed = []
    for value in (1, 2, 3):
        (notebook.parent / "beside.py").write_text(f"VALUE = {value}")
        job = runs.run(notebook)
        printed.append((runs.printed(job).strip(), job["attempts"][0]["start"]["warm"]))
    assert [text for text, _ in printed] == ["1", "2", "3"]
    assert printed[-1][1]


@pytest.mark.timeout(120)
def test_idle_parents_give_their_memory_back(daemon_process, home):
    """They end after the idle time, and their sockets are gone."""
    settings(home, "warm: {idle_timeout: 1.0}")
    daemon = daemon_process.start()
    until(lambda: daemon.client.status()["warm"]["parents"] == [])
    assert [path for path in paths.runtime_dir().iterdir() if path.name.startswith("w")] == []


@pytest.mark.timeout(120)
def test_one_setting_turns_it_off(daemon_process, home, make_notebook):
    """No parent is ever started."""
    settings(home, "warm: {enabled: false}")
    daemon = daemon_process.start()
    job = daemon.client.submit({"notebook": str(make_notebook("print(1)"))})
    ended = daemon.wait_for(job["id"])
    assert ended["state"] == "succeeded"
    assert ended["attempts"][0]["start"] == {
        "warm": False,
        "reason": "warm start is off",
        "preloaded": [],
        "left_out": {},
    }
    assert daemon.client.status()["warm"] == {"enabled": False, "parents": []}


@pytest.mark.timeout(120)
def test_parents_end_with_a_killed_daemon(runs):
    """Nothing of the daemon stays behind but what runs for somebody."""
    pids = [parent["pid"] for parent in runs.parents()]
    runs.daemon.kill()

    def all_gone():
        return not any(os.path.exists(f"/proc/{pid}") for pid in pids)

    until(all_gone, 15)
