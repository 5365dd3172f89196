"""Paths: out of the root, into what is hidden, over links, as addresses, as anything else."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from .conftest import SECRET, notebook

#: What a notebook's path mustn't be; {beside} is a directory next to the root.
PATHS = {
    "a12 climbing": "../root-secret/secret.ipynb",
    "a12 climbing within": "work/../../root-secret/secret.ipynb",
    "a12 absolute": "/etc/passwd",
    "a12 absolute notebook": "{beside}/secret.ipynb",
    "a12 encoded": "..%2froot-secret%2fsecret.ipynb",
    "a12 encoded dots": "%2e%2e/root-secret/secret.ipynb",
    "a12 twice encoded": "%252e%252e%252froot-secret%252fsecret.ipynb",
    "a12 backslashes": "..\\root-secret\\secret.ipynb",
    "a12 encoded backslashes": "..%5croot-secret%5csecret.ipynb",
    "a12 NUL": "work.ipynb\0.txt",
    "a12 encoded NUL": "work%00.ipynb",
    "a12 home": "~/secret.ipynb",
    "a13 the root's sibling with its prefix": "{root}-secret/secret.ipynb",
    "a15 a very long path": "a" * 4000 + ".ipynb",
    "a15 a very deep path": "a/" * 1500 + "x.ipynb",
    "a16 a linked directory": "link/secret.ipynb",
    "a16 a linked notebook": "linked.ipynb",
    "a18 a hidden directory": ".hidden/secret.ipynb",
    "a18 keys": ".ssh/id_rsa",
    "a18 the server's own files": "../runtime/jpserver-1.json",
    "a21 an address": "http://169.254.169.254/latest/meta-data/x.ipynb",
    "a21 a bucket": "s3://bucket/x.ipynb",
    "a21 a file's address": "file:///etc/passwd",
    "a21 other remote files": "gs://b/x.ipynb",
    "a21 adl": "adl://x/y.ipynb",
    "a47 JSON": notebook(f"print('{SECRET}')"),
    "a47 JSON without spaces": '{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":5}',
    "empty": "",
    "blank": " ",
    "the root": ".",
    "a directory": "work",
    "not a notebook": "notes.txt",
    "surrogates": "\ud800.ipynb",
    "a device": "/dev/zero",
}

#: As the name of an unsaved notebook they do no harm: their directory is below the root.
ONLY_NAMES = {
    ".",
    "work",
    "notes.txt",
    "~/secret.ipynb",
    "linked.ipynb",
    PATHS["a47 JSON without spaces"],
}


def filled(site: Any, path: str) -> str:
    """A path with the site's own directories."""
    if path.startswith(("{root}", "{beside}")):
        return path.format(root=site.root, beside=site.beside)
    return path


def check_refused(site: Any, answer: Any) -> None:
    """A 4xx with a code, without a word of what it would have shown."""
    assert 400 <= answer.status < 500, answer
    assert answer.code
    assert SECRET not in answer.body.decode()
    assert "Traceback" not in answer.body.decode()
    assert "root:" not in answer.body.decode()


@pytest.mark.parametrize(
    ("what", "path"),
    [
        pytest.param(what, path, id=f"{what}-{name}")
        for what in ("submit", "content", "inspect", "list")
        for name, path in PATHS.items()
        # No query can say the former; the latter only names an unsaved notebook, nothing is read.
        if not (what == "list" and (not path or "\ud800" in path))
        and not (what == "content" and path in ONLY_NAMES)
    ],
)
def test_paths_that_no_notebook_may_have(site: Any, path: str, what: str) -> None:
    """To submit, to name an unsaved one, to look into, to ask for jobs of."""
    before = site.job_count()
    path = filled(site, path)
    if what == "list":
        from urllib.parse import quote

        answer = site.ask("GET", f"api/v1/jobs?notebook={quote(path)}")
        if answer.status == 200:
            assert answer.json()["jobs"] == []
            return
    elif what == "inspect":
        answer = site.ask("POST", "api/v1/notebooks/inspect", body={"notebook": path})
    else:
        body: dict[str, Any] = {"spec": {"notebook": path}}
        if what == "content":
            body["content"] = json.loads(notebook("print(1)"))
        answer = site.ask("POST", "api/v1/jobs", body=body)
    check_refused(site, answer)
    assert site.job_count() == before


@pytest.mark.parametrize(
    "path",
    [
        "../root-secret",
        "../../x",
        "/tmp",
        "{beside}",
        "{root}-secret",
        "link",
        "link/deeper",
        ".hidden/x",
        "%2e%2e/x",
        "https://evil.example/x",
        "s3://bucket/x",
        "x\0y",
        "/proc/self",
        "/dev/null",
        "work.ipynb",
    ],
)
def test_a12_results_go_nowhere_else(site: Any, path: str) -> None:
    """Neither out of the root nor into what is hidden."""
    before = site.job_count(), sorted(os.listdir(site.beside))
    spec = {"notebook": "work.ipynb", "output_dir": filled(site, path)}
    check_refused(site, site.ask("POST", "api/v1/jobs", body={"spec": spec}))
    assert (site.job_count(), sorted(os.listdir(site.beside))) == before


@pytest.mark.parametrize(
    "field",
    ["output_name", "output_path", "tracking_uri", "image", "working_dir", "cwd", "__class__"],
)
def test_a14_a41_nobody_names_files_or_servers(site: Any, field: str) -> None:
    """An unknown field is refused rather than ignored."""
    spec = {"notebook": "work.ipynb", field: "../../x"}
    answer = site.ask("POST", "api/v1/jobs", body={"spec": spec})
    assert answer.status == 422
    assert answer.json()["problems"][0]["where"] == f"spec.{field}"


@pytest.mark.parametrize(
    "job",
    [
        "..",
        "x",
        "0123456789AB",
        "0123456789abc",
        "0123456789a",
        "0123456789ag",
        "%30123456789ab",
        "..%2f..%2fx",
        "a" * 10_000,
        "a" * 10_000_000,
        "0123456789ab%00",
        "0123456789ab%0a",
        "٠١٢٣٤٥٦٧٨٩٠١",
    ],
)
@pytest.mark.parametrize("what", ["", "/notebook", "/log", "/cancel"])
def test_a15_what_is_no_jobs_id(site: Any, job: str, what: str) -> None:
    """Is no job, and nothing of it reaches a file's name."""
    method = "POST" if what == "/cancel" else "GET"
    path = f"api/v1/jobs/{job}{what}".encode().decode("latin-1")
    try:
        answer = site.ask(method, path, body=b"" if method == "POST" else None)
    except (ConnectionError, UnicodeEncodeError):
        return  # the server hung up on a head of megabytes, or no request can say that
    if answer.status == 431 or not answer.body:
        return
    assert answer.status in (400, 404), answer
    assert answer.code in ("bad_address", "not_found")


def test_a16_a_link_swapped_after_the_check(site: Any) -> None:
    """Whatever is submitted while a path changes under it: nothing from outside gets in."""
    place, spare = site.root / "swapped", site.root / "spare"
    place.mkdir()
    (place / "n.ipynb").write_text(notebook("print('inside')"))
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            os.rename(place, spare)
            place.symlink_to(site.beside)
            place.unlink()
            os.rename(spare, place)

    (site.beside / "n.ipynb").write_text(notebook(f"print('{SECRET}')"))
    thread = threading.Thread(target=swap)
    thread.start()
    statuses = set()
    try:
        for _ in range(150):
            body = {"notebook": "swapped/n.ipynb"}
            answer = site.ask("POST", "api/v1/notebooks/inspect", body=body)
            statuses.add(answer.status)
            assert SECRET not in answer.body.decode()
        accepted = []
        for _ in range(25):
            # Results go elsewhere: a runner that makes their directory would make this one, too.
            spec = {
                "notebook": "swapped/n.ipynb",
                "output_dir": "results",
                "resources": {"cpus": 0.01},
            }
            answer = site.ask("POST", "api/v1/jobs", body={"spec": spec})
            statuses.add(answer.status)
            if answer.status == 201:
                accepted.append(answer.json()["id"])
    finally:
        stop.set()
        thread.join()
    assert statuses <= {200, 201, 403, 404, 422}, statuses
    for job in accepted:
        site.ended(job)
        for what in ("notebook", "log"):
            assert SECRET not in site.ask("GET", f"api/v1/jobs/{job}/{what}").body.decode()


def test_a17_deleting_never_follows_a_link(site: Any) -> None:
    """A job's folder that became a link to somebody's home: only the link goes."""
    job = site.run("print(1)")
    treasure = site.beside / "treasure"
    treasure.mkdir()
    (treasure / "keep").write_text("me")
    folder = site.jupyter.data / "jobs" / job["id"]
    kept = folder.with_name("moved-away")
    folder.rename(kept)
    folder.symlink_to(treasure)
    answer = site.ask("DELETE", f"api/v1/jobs/{job['id']}")
    assert answer.status == 204
    assert (treasure / "keep").read_text() == "me"
    assert not os.path.lexists(folder)


def test_a17_nor_does_a_link_within(site: Any) -> None:
    """What a job linked to from its own folder stays."""
    job = site.run("print(1)")
    outside = site.beside / "linked to"
    outside.mkdir()
    (outside / "keep").write_text("me")
    attempt = site.jupyter.data / "jobs" / job["id"] / "attempts" / "1"
    (attempt / "bundle" / "shortcut").symlink_to(outside)
    assert site.ask("DELETE", f"api/v1/jobs/{job['id']}").status == 204
    assert (outside / "keep").read_text() == "me"


def test_a17_what_was_written_for_the_person_stays(site: Any) -> None:
    """Deleting a job deletes its records."""
    job = site.run("print(1)")
    assert site.ask("DELETE", f"api/v1/jobs/{job['id']}").status == 204
    assert Path(job["outputs"]["notebook"]).exists()


def test_a22_names_are_literal(site: Any) -> None:
    """What other tools would evaluate is a directory's name here."""
    name = "{pm[run_uuid].__class__.__mro__} $(id) `id` %s"
    job = site.run("print(1)", output_dir=name, name=name)
    assert job["state"] == "succeeded"
    assert job["name"] == name
    assert Path(job["outputs"]["directory"]).parent == site.root / name


@pytest.mark.parametrize("name", ["a\r\nX-Evil: 1", 'a"; x=y', "a;b", "报告 🚀", "-rf", "a\u202eb"])
def test_a31_no_name_gets_into_a_head(site: Any, name: str) -> None:
    """Downloads are called by the job's id."""
    (site.root / f"{name}.ipynb").write_text(notebook("print(1)"))
    answer = site.ask("POST", "api/v1/jobs", body={"spec": {"notebook": f"{name}.ipynb"}})
    if answer.status == 422:
        assert "\r" in name
        return
    job = site.ended(answer.json()["id"])
    assert job["state"] == "succeeded"
    for what, suffix in (("notebook", "ipynb"), ("html", "html")):
        found = site.ask("GET", f"api/v1/jobs/{job['id']}/{what}")
        assert found.status == 200
        disposition = f'attachment; filename="job-{job["id"]}.{suffix}"'
        assert found.headers["content-disposition"] == disposition
        assert "x-evil" not in found.headers
