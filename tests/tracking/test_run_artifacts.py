"""Artifacts of runs in the embedded store, as the API hands them out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jupyter_mlops import paths

from .mlops_looking import Looking, looking_at


def artifacts_of(run_id: str) -> Path:
    """The directory of a run's artifacts."""
    found = paths.mlflow_dir() / "artifacts" / "1" / run_id / "artifacts"
    found.mkdir(parents=True, exist_ok=True)
    return found


def test_artifacts(logged: list[str]) -> None:
    """Artifacts are listed and shown; what could do harm is sandboxed or a download."""

    async def story(on: Looking) -> None:
        run = f"/runs/{logged[0]}"
        assert (await on.get(f"{run}/artifacts"))["artifacts"] == []
        root = artifacts_of(logged[0])
        (root / "model").mkdir()
        (root / "model" / "MLmodel").write_text("flavors: {}")
        (root / "page.html").write_text("<script>alert(1)</script>")
        (root / "it's 100% déjà.bin").write_bytes(b"\x00" * 1000)
        listed = (await on.get(f"{run}/artifacts"))["artifacts"]
        assert [(one["path"], one["directory"], one["preview"]) for one in listed] == [
            ("model", True, False),
            ("it's 100% déjà.bin", False, False),
            ("page.html", False, True),
        ]
        inner = (await on.get(f"{run}/artifacts", path="model"))["artifacts"]
        assert [(one["path"], one["size"], one["media_type"]) for one in inner] == [
            ("model/MLmodel", 11, "text/plain")
        ]
        page = await on.ask("GET", f"{run}/artifacts/content", params={"path": "page.html"})
        assert page.text == "<script>alert(1)</script>"
        assert page.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["content-disposition"].startswith("inline")
        other = await on.ask(
            "GET", f"{run}/artifacts/content", params={"path": "it's 100% déjà.bin", "limit": 10}
        )
        assert other.content == b"\x00" * 10
        assert other.headers["content-type"] == "application/octet-stream"
        name = "attachment; filename*=UTF-8''it%27s%20100%25%20d%C3%A9j%C3%A0.bin"
        assert other.headers["content-disposition"] == name
        await on.refused(f"{run}/artifacts", 404, "artifact_not_found", path="nothing")
        await on.refused(f"{run}/artifacts/content", 404, "artifact_not_found", path="model")

    looking_at(story)


@pytest.mark.parametrize(
    "path",
    ["../secret", "..", "/etc/passwd", "model/../../secret", "a\\b", "a//b", "./a", "a\0b", "a/"],
)
def test_paths_that_climb_are_refused(logged: list[str], path: str) -> None:
    """No path of an artifact leads out of the run's artifacts."""

    async def story(on: Looking) -> None:
        root = artifacts_of(logged[0])
        (root / "model").mkdir()
        (root.parent / "secret").write_text("secret")
        for what in ("artifacts", "artifacts/content"):
            await on.refused(f"/runs/{logged[0]}/{what}", 422, "invalid_input", path=path)

    looking_at(story)


def test_links_among_artifacts_are_refused(logged: list[str], tmp_path: Path) -> None:
    """A link is neither listed nor followed, wherever in a path it stands; a pipe hangs nobody."""

    async def story(on: Looking) -> None:
        root = artifacts_of(logged[0])
        (tmp_path / "outside").mkdir()
        (tmp_path / "outside" / "secret").write_text("secret")
        (root / "file").symlink_to(tmp_path / "outside" / "secret")
        (root / "folder").symlink_to(tmp_path / "outside")
        os.mkfifo(root / "pipe")
        run = f"/runs/{logged[0]}"
        assert (await on.get(f"{run}/artifacts"))["artifacts"] == []
        for path in ("file", "folder/secret", "pipe"):
            await on.refused(f"{run}/artifacts/content", 403, "refused", path=path)
        await on.refused(f"{run}/artifacts", 403, "refused", path="folder")

    looking_at(story)
