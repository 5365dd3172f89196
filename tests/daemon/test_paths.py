"""Attacks 12 to 22: which paths a request may name."""

# ruff: noqa: ASYNC240 - only the test itself waits

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlops.daemon.root import PathRules
from jupyter_mlops.errors import MlopsError
from jupyter_mlops.jobs.careful import open_regular, read_regular

from .mlops_served import Served


@pytest.fixture
def root(tmp_path: Path, make_notebook) -> Path:
    """A Jupyter server's root with a notebook, and things beside it that nobody may reach."""
    made = make_notebook("1")
    root = tmp_path / "srv" / "data"
    for directory in (root / "sub", root / ".ssh", tmp_path / "srv" / "data-secret"):
        directory.mkdir(parents=True)
        shutil.copy(made, directory / "work.ipynb")
    shutil.copy(made, root / "work.ipynb")
    (root / "link.ipynb").symlink_to(tmp_path / "srv" / "data-secret" / "work.ipynb")
    (root / "out").symlink_to(tmp_path / "srv" / "data-secret")
    (root / "inside.ipynb").symlink_to(root / "sub" / "work.ipynb")
    return root


OUTSIDE = [
    "../data-secret/work.ipynb",
    "sub/../../data-secret/work.ipynb",
    "/etc/passwd",
    "link.ipynb",
    "out/work.ipynb",
    "..%2fdata-secret%2fwork.ipynb",
    "%2e%2e/data-secret/work.ipynb",
    "%252e%252e%252fdata-secret/work.ipynb",
    "%25252e%25252e/x.ipynb",
    "..\\data-secret\\work.ipynb",
    "sub%5c..%5cwork.ipynb",
    ".ssh/work.ipynb",
    "sub/../.ssh/work.ipynb",
    "work.ipynb%00.txt",
]
IMPOSSIBLE = [
    "",
    "   ",
    "a\0b.ipynb",
    "http://169.254.169.254/latest.ipynb",
    "https://evil.example/x.ipynb",
    "s3://bucket/x.ipynb",
    "file:///etc/passwd",
    "gs://b/x.ipynb",
    "x" * 256 + ".ipynb",
    '{"cells": [], "metadata": {}}',
    "gone.ipynb",
    "sub",
]


@pytest.mark.parametrize("path", OUTSIDE)
def test_a12_a13_a16_a18_nothing_outside_the_root_is_a_notebook(
    served, root: Path, path: str
) -> None:
    """Climbing, encoded, by a sibling's name, through links, hidden: refused, nothing made."""

    async def story(served: Served) -> None:
        before = sorted(root.parent.rglob("*"))
        for method, url, body in (
            ("POST", "/jobs", {"spec": {"notebook": path}}),
            ("POST", "/notebooks/inspect", {"notebook": path}),
            ("GET", "/jobs?notebook=" + quote(path, safe=""), None),
        ):
            answer = await served.ask(method, url, json=body, root=root)
            assert answer.status_code in {403, 422}, (url, answer.text)
            assert answer.json()["code"]
            assert str(root.parent / "data-secret") not in answer.text
        assert sorted(root.parent.rglob("*")) == before

    served(story)


@pytest.mark.parametrize("path", IMPOSSIBLE)
def test_a21_a47_what_is_no_file_is_no_notebook(served, root: Path, path: str) -> None:
    """URLs, buckets, JSON in place of a path, names that can't be: 422 with the place."""

    async def story(served: Served) -> None:
        for given_root in (root, None):
            named = path if given_root else f"{root}/{path}" if "/" not in path else path
            if not path.strip() and given_root is None:
                named = path
            answer = await served.ask(
                "POST", "/jobs", json={"spec": {"notebook": named}}, root=given_root
            )
            assert answer.status_code == 422, answer.text
            assert answer.json()["problems"]

    served(story)


@pytest.mark.parametrize(
    "output_dir",
    [
        "../../x",
        "/tmp",
        "https://evil.example/x",
        "out/x",
        ".hidden",
        "a/.hidden/b",
        "%2e%2e/x",
        "a\0",
    ],
)
def test_a14_a22_the_output_folder_stays_in_the_root(served, root: Path, output_dir: str) -> None:
    """Clients choose a folder below the root; never the names of files."""

    async def story(served: Served) -> None:
        spec = {"notebook": "work.ipynb", "output_dir": output_dir}
        answer = await served.ask("POST", "/jobs", json={"spec": spec}, root=root)
        assert answer.status_code in {403, 422}
        assert answer.json()["problems"][0]["where"] == "spec.output_dir"

    served(story)


def test_a22_a_template_in_a_path_is_literal(served, root: Path) -> None:
    """Papermill would evaluate it."""

    async def story(served: Served) -> None:
        spec = {"notebook": "work.ipynb", "output_dir": "{pm[run_uuid].__class__}"}
        answer = await served.ask("POST", "/jobs", json={"spec": spec}, root=root)
        assert answer.status_code == 201
        directory = answer.json()["outputs"]["directory"]
        assert directory.startswith(f"{root}/{{pm[run_uuid].__class__}}/work-")

    served(story)


@pytest.mark.parametrize("path", ["work.ipynb", "sub/work.ipynb", "inside.ipynb", "./work.ipynb"])
def test_inside_the_root_everything_is_named_from_it(served, root: Path, path: str) -> None:
    """Relative or absolute; the answer tells paths as the Jupyter server names them."""

    async def story(served: Served) -> None:
        for named in (path, str(root / path)):
            answer = await served.ask(
                "POST", "/jobs", json={"spec": {"notebook": named}}, root=root
            )
            assert answer.status_code == 201, answer.text
            job = answer.json()
            assert job["contents"]["notebook"] == path.removeprefix("./")
            assert job["contents"]["output_notebook"] is None
            plain = (await served.ask("GET", f"/jobs/{job['id']}")).json()
            assert plain["contents"]["notebook"] is None
            elsewhere = await served.ask("GET", f"/jobs/{job['id']}", root=root / "out")
            assert elsewhere.json()["contents"]["notebook"] is None
            query = f"/jobs?notebook={quote(path, safe='')}"
            listed = (await served.ask("GET", query, root=root)).json()["jobs"]
            assert job["id"] in {one["id"] for one in listed}

    served(story)


def test_events_carry_paths_of_the_root_that_asked(served, root: Path) -> None:
    """Two Jupyter servers with different roots see the same job by different names."""

    async def story(served: Served) -> None:
        one = served.lines("/events", follow=True, root=root)
        other = served.lines("/events", follow=True, root=root.parent)
        async with one as first, other as second:
            await first()
            await second()
            await served.submit(root / "work.ipynb")
            assert (await first())["job"]["contents"]["notebook"] == "work.ipynb"
            assert (await second())["job"]["contents"]["notebook"] == "data/work.ipynb"

    served(story)


def test_a_root_that_is_no_directory_is_refused(served, root: Path) -> None:
    """Rather than letting everything through."""

    async def story(served: Served) -> None:
        for wrong in (root / "gone", root / "work.ipynb", Path("relative")):
            body = {"spec": {"notebook": "work.ipynb"}}
            answer = await served.ask("POST", "/jobs", json=body, root=wrong)
            assert answer.status_code == 422

    served(story)


def test_f35_names_that_people_use_work(served, root: Path) -> None:
    """Unicode, spaces, a leading dash, right to left, percent signs, 255 bytes."""
    names = [
        "报告 (1) 🚀.ipynb",
        "-rf.ipynb",
        "תרגיל.ipynb",
        "100%.ipynb",
        "a%41.ipynb",
        "é" * 124 + ".ipynb",
    ]

    async def story(served: Served) -> None:
        for name in names:
            shutil.copy(root / "work.ipynb", root / name)
            answer = await served.ask("POST", "/jobs", json={"spec": {"notebook": name}}, root=root)
            assert answer.status_code == 201, (name, answer.text)
            job = answer.json()
            assert job["contents"]["notebook"] == name
            assert len(os.fsencode(Path(job["outputs"]["directory"]).name)) <= 255
            runner = await served.stage.runner(len(served.stage.troupe.runners))
            assert runner.order is not None
            Path(runner.order.output_notebook).parent.mkdir(parents=True)
            Path(runner.order.output_notebook).write_text("{}")
            runner.finish()
            served.stage.ring(runner)
            await served.stage.until(job["id"], "succeeded")

    served(story)


def test_f35_a_newline_in_a_name_does_not_reach_the_jobs_name(served, root: Path) -> None:
    """It would forge lines of logs and lists."""
    name = "two\nlines.ipynb"
    shutil.copy(root / "work.ipynb", root / name)

    async def story(served: Served) -> None:
        answer = await served.ask("POST", "/jobs", json={"spec": {"notebook": name}}, root=root)
        assert answer.status_code in {201, 422}
        if answer.status_code == 201:
            assert answer.json()["name"] == "two lines"

    served(story)


@pytest.fixture
def locked(root: Path) -> Iterator[Path]:
    """A folder that can't be written; to root nothing less than a read-only file system is one."""
    folder = root / "locked"
    folder.mkdir(mode=0o500)
    mount = os.geteuid() == 0
    if mount:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", folder], check=True)
    yield folder
    if mount:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.usefixtures("locked")
def test_f30_an_output_folder_that_cannot_be_written_is_refused(served, root: Path) -> None:
    """At submit, not after an hour."""

    async def story(served: Served) -> None:
        spec = {"notebook": "work.ipynb", "output_dir": "locked"}
        answer = await served.ask("POST", "/jobs", json={"spec": spec}, root=root)
        assert answer.status_code == 422
        assert answer.json()["problems"][0]["where"] == "spec.output_dir"

    served(story)


def test_a16_a_link_swapped_after_the_check_is_not_followed(served, root: Path) -> None:
    """Somebody changes a file into a link and back as fast as they can: never a secret in a job."""
    secret = root.parent / "data-secret" / "work.ipynb"
    document = json.loads(secret.read_text())
    document["cells"][0]["source"] = "the secret"
    secret.write_text(json.dumps(document))
    target, plain = root / "swap.ipynb", (root / "work.ipynb").read_bytes()
    target.write_bytes(plain)
    stop = threading.Event()

    def swap() -> None:
        other = root / "other.ipynb"
        while not stop.is_set():
            other.symlink_to(secret)
            other.replace(target)
            other.write_bytes(plain)
            other.replace(target)

    async def story(served: Served) -> None:
        accepted = 0
        for _ in range(150):
            body = {"spec": {"notebook": "swap.ipynb"}}
            answer = await served.ask("POST", "/jobs", json=body, root=root)
            if answer.status_code == 201:
                accepted += 1
                raw = await served.stage.store.snapshot_file(answer.json()["id"], "notebook.ipynb")
                assert b"the secret" not in raw
            else:
                assert answer.status_code in {403, 422}
        assert accepted

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        served(story)
    finally:
        stop.set()
        thread.join()


@given(st.lists(st.sampled_from(["..", ".", "a", "%2e%2e", "%2f", "/", "\\", "%5c", "~", "%25"])))
def test_a12_no_path_leaves_the_root(parts: list[str]) -> None:
    """However it is put together."""
    root = Path("/usr/share")
    rules = PathRules(str(root))
    for text in ("/".join(parts), "".join(parts)):
        try:
            found = rules.resolve(text, "spec.notebook")
        except MlopsError:
            continue
        assert found.is_relative_to(os.path.realpath(root))


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    """Links, pipes, devices and directories are not; nor is more read than allowed."""
    file = tmp_path / "file"
    file.write_bytes(b"x" * 100)
    (tmp_path / "link").symlink_to(file)
    os.mkfifo(tmp_path / "pipe")
    for path in (
        tmp_path / "link",
        tmp_path / "pipe",
        tmp_path,
        Path("/dev/null"),
        tmp_path / "no",
    ):
        with pytest.raises(MlopsError):
            open_regular(path)
    assert read_regular(file, 100) == b"x" * 100
    with pytest.raises(MlopsError):
        read_regular(file, 99)
    with pytest.raises(MlopsError):
        open_regular(file, below=tmp_path / "elsewhere")
    open_regular(file, below=tmp_path).close()
