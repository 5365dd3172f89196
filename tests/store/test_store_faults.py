"""Faults 20 to 28, 36 and 40: what the disk, other programs and crashes can do to the store."""

# ruff: noqa: ASYNC240 - nothing else runs on these loops

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_mlops.errors import Busy, StoreFull, StoreUnusable
from jupyter_mlops.jobs import store as store_module
from jupyter_mlops.jobs.store import Store

from .mlops_store_jobs import FILES, a_job

_STRACE = ("strace", "-f", "-qq", "-o", "/dev/null")
WORKER = Path(__file__).with_name("worker.py")


def mounts_possible() -> bool:
    """Whether we may mount file systems."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    probe = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
    return probe.returncode == 0


needs_mount = pytest.mark.skipif(not mounts_possible(), reason="needs root to mount file systems")
needs_strace = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("strace") is None, reason="needs strace"
)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MB."""
    where = tmp_path / "disk"
    where.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", where], check=True)
    yield where
    subprocess.run(["umount", "-l", where], check=True)


def fill(directory: Path) -> Path:
    """Leave no byte free."""
    filler = directory / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (2**16, 2**12, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue
    return filler


def acknowledged(output: str) -> dict[str, str]:
    """What a worker was told: id → state."""
    found: dict[str, str] = {}
    for line in output.splitlines():
        word, _, job_id = line.partition(" ")
        if word in {"submitted", "ended"}:
            found[job_id] = "queued" if word == "submitted" else "succeeded"
    return found


def check_all_there(path: Path, acked: dict[str, str]) -> None:
    """P1 and P2: every acknowledged job is there, at least as far as was acknowledged."""

    async def read() -> dict[str, str]:
        store = await Store.open(path)
        try:
            found = {}
            for job_id in acked:
                stored = await store.get(job_id)
                found[job_id] = stored.record.state.value
                files = await store.snapshot_files(job_id)
                assert files["notebook.ipynb"] == FILES["notebook.ipynb"]
            return found
        finally:
            await store.close()

    for job_id, state in asyncio.run(read()).items():
        assert acked[job_id] in {"queued", state}
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    finally:
        connection.close()


def work_under(strace: list[str], path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the worker under strace; only what is traced is slowed down."""
    return subprocess.run(
        [*_STRACE, *strace, sys.executable, str(WORKER), str(path), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


# --- disk -----------------------------------------------------------------------------------------


@needs_mount
@pytest.mark.parametrize(
    "reserve", [store_module.RESERVE, -(2**40)], ids=["foreseen", "not foreseen"]
)
def test_f20_a_full_disk_refuses_and_recovers(
    small_disk: Path, with_store, monkeypatch: pytest.MonkeyPatch, reserve: int
) -> None:
    """507, nothing acknowledged is lost, and once there is space it works without a restart."""
    monkeypatch.setattr(store_module, "RESERVE", reserve)

    async def story(store: Store) -> None:
        before, _ = await store.submit(a_job(), FILES)
        filler = fill(small_disk)
        for _ in range(5):
            with pytest.raises(StoreFull) as caught:
                await store.submit(a_job(), FILES | {"values.pkl": secrets.token_bytes(200_000)})
            assert "jobs.db" in caught.value.detail
            assert caught.value.http_status == 507
        assert [stored.job.id for stored in await store.alive()] == [before.job.id]
        filler.unlink()
        after, _ = await store.submit(a_job(), FILES)
        assert {s.job.id for s in await store.alive()} == {before.job.id, after.job.id}

    with_store(story, small_disk / "data" / "jobs.db")


@needs_strace
@pytest.mark.slow
@pytest.mark.parametrize("nth", [3, 10, 25, 60])
def test_f21_no_space_for_the_log_refuses(store_path: Path, nth: int) -> None:
    """From the nth write into the write-ahead log on there is no space."""
    asyncio.run(_create(store_path))
    inject = ["-P", f"{store_path}-wal", "-e", f"inject=pwrite64,write:error=ENOSPC:when={nth}+"]
    ran = work_under(inject, store_path, "20")
    assert ran.returncode == 0, ran.stderr
    assert "refused store_full" in ran.stdout or ran.stdout == "unopened store_full\n"
    check_all_there(store_path, acknowledged(ran.stdout))


@needs_strace
@pytest.mark.slow
@pytest.mark.parametrize("nth", [2, 5, 9])
def test_f22_a_failing_fsync_is_never_acknowledged(store_path: Path, nth: int) -> None:
    """The nth fsync of the log fails once: that one is refused, and the next one works."""
    asyncio.run(_create(store_path))
    inject = ["-P", f"{store_path}-wal", "-e", f"inject=fsync,fdatasync:error=EIO:when={nth}"]
    ran = work_under(inject, store_path, "12")
    assert ran.returncode == 0, ran.stderr
    if "unopened" not in ran.stdout:
        assert ran.stdout.count("refused") == 1
    assert "store_io_error" in ran.stdout
    check_all_there(store_path, acknowledged(ran.stdout))


@needs_mount
@pytest.mark.slow
def test_f23_a_power_cut_keeps_every_acknowledged_job(tmp_path: Path) -> None:
    """The disk is copied as it is in the middle of the work, its cache left behind."""
    image, mounted, after = tmp_path / "image", tmp_path / "disk", tmp_path / "after"
    with image.open("wb") as file:
        file.truncate(96 * 2**20)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    for directory in (mounted, after):
        directory.mkdir()
    # commit=300: nothing reaches the disk by itself, the worst window there is.
    subprocess.run(["mount", "-o", "loop,commit=300", image, mounted], check=True)
    worker = subprocess.Popen(
        [sys.executable, str(WORKER), str(mounted / "data" / "jobs.db"), "100000"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert worker.stdout is not None
        lines = [worker.stdout.readline() for _ in range(40)]
        # Whatever was printed until now was acknowledged before the copy begins.
        shutil.copy(image, tmp_path / "copy")
    finally:
        worker.kill()
        worker.communicate()
        subprocess.run(["umount", "-l", mounted], check=True)
    subprocess.run(["mount", "-o", "loop", tmp_path / "copy", after], check=True)
    try:
        acked = acknowledged("".join(lines))
        assert len(acked) > 20
        check_all_there(after / "data" / "jobs.db", acked)
    finally:
        subprocess.run(["umount", "-l", after], check=True)


@needs_mount
def test_f24_a_disk_that_turns_read_only_says_so(small_disk: Path, with_store) -> None:
    """503 with the file named, and once it is writable again it works without a restart."""

    async def on_read_only(store: Store) -> None:
        await store.submit(a_job(), FILES)

    path = small_disk / "data" / "jobs.db"
    with_store(on_read_only, path)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(Busy) as caught:
        with_store(on_read_only, path)
    assert caught.value.stable_code == "store_read_only"
    assert "jobs.db" in caught.value.detail
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    with_store(on_read_only, path)


# --- the file -------------------------------------------------------------------------------------


def test_f25_a_store_moved_away_while_running_stops_everything(
    with_store, store_path: Path
) -> None:
    """Neither reads nor writes go on, nothing is created in its place, and back is back."""

    async def story(store: Store) -> None:
        before, _ = await store.submit(a_job(), FILES)
        away = store_path.with_name("elsewhere.db")
        store_path.rename(away)
        for work in (store.submit(a_job(), FILES), store.get(before.job.id), store.counts()):
            with pytest.raises(StoreUnusable) as caught:
                await work
            assert str(store_path) in caught.value.detail
        assert not store_path.exists()
        store_path.write_bytes(away.read_bytes())  # another file by the same name
        with pytest.raises(StoreUnusable):
            await store.submit(a_job(), FILES)
        away.replace(store_path)
        assert (await store.get(before.job.id)).job.id == before.job.id
        await store.submit(a_job(), FILES)

    with_store(story)


@pytest.mark.parametrize("evidence", ["marker", "jobs"])
def test_f25_a_missing_store_is_never_replaced_by_an_empty_one(
    with_store, store_path: Path, evidence: str
) -> None:
    """Where there were jobs, a missing file is refused with its name."""

    async def story(store: Store) -> None:
        await store.submit(a_job(), FILES)

    with_store(story)
    for file in store_path.parent.glob("jobs.db*"):
        file.unlink()
    if evidence == "jobs":
        store_path.with_suffix(".marker").unlink()
        (store_path.parent / "jobs" / "0123456789ab").mkdir(parents=True)
    for replacement in (None, b""):
        if replacement is not None:
            store_path.write_bytes(replacement)
        with pytest.raises(StoreUnusable) as caught:
            with_store(story)
        assert str(store_path) in caught.value.detail
        assert store_path.exists() == (replacement is not None)


@pytest.mark.parametrize("where", [0, 100, 4096 + 8, -4096])
def test_f26_a_corrupt_store_is_refused_untouched(with_store, store_path: Path, where: int) -> None:
    """Random bytes anywhere that matters: refused, named, and not made worse."""

    async def story(store: Store) -> None:
        for _ in range(60):
            await store.submit(a_job(), FILES)

    with_store(story)
    assert not store_path.with_name("jobs.db-wal").exists()
    size = store_path.stat().st_size
    with store_path.open("r+b") as file:
        file.seek(where if where >= 0 else size // 2)
        file.write(os.urandom(4096))
    damaged = store_path.read_bytes()
    with pytest.raises(StoreUnusable) as caught:
        with_store(story)
    assert str(store_path) in caught.value.detail
    assert caught.value.hint
    assert store_path.read_bytes() == damaged


def test_f26_damage_within_a_snapshot_is_found_when_it_is_used(
    with_store, store_path: Path, tmp_path: Path
) -> None:
    """Blobs aren't read at each start; a wrong one never runs."""
    new = a_job()
    content = b"A" * 100_000

    async def submit(store: Store) -> None:
        await store.submit(new, FILES | {"values.pkl": content})

    with_store(submit)
    data = store_path.read_bytes()
    middle = data.index(b"A" * 4000) + 2000
    store_path.write_bytes(data[:middle] + b"B" + data[middle + 1 :])

    async def use(store: Store) -> None:
        from jupyter_mlops.jobs.store_reader import lay_out

        with pytest.raises(StoreUnusable, match=r"values\.pkl"):
            await store.read(lambda db: lay_out(db, new.id, tmp_path / "bundle"))

    with_store(use)


def test_f27_a_newer_store_is_refused_untouched(with_store, store_path: Path) -> None:
    """An older program does not touch what it doesn't know."""
    asyncio.run(_create(store_path))
    connection = sqlite3.connect(store_path)
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    before = store_path.read_bytes()
    with pytest.raises(StoreUnusable) as caught:
        asyncio.run(_create(store_path))
    assert caught.value.stable_code == "store_newer"
    assert "999" in caught.value.detail
    assert store_path.read_bytes() == before


def test_f27_an_older_store_is_kept_and_migrated(store_path: Path) -> None:
    """A backup that can be read, and every job in the new form."""
    ran = subprocess.run(
        [sys.executable, WORKER, store_path, "6"], capture_output=True, text=True, check=True
    )
    subprocess.run([sys.executable, WORKER, store_path, "0", "migrate"], check=True)
    check_migrated(store_path, acknowledged(ran.stdout))
    check_all_there(store_path.with_name("jobs.db.v1.backup"), acknowledged(ran.stdout))


@needs_strace
@pytest.mark.slow
def test_f28_a_crash_anywhere_in_a_migration_leaves_the_old_or_the_new(store_path: Path) -> None:
    """SIGKILL at the nth fsync, rename or unlink, for every n; the next start completes it."""
    ran = subprocess.run(
        [sys.executable, WORKER, store_path, "6"], capture_output=True, text=True, check=True
    )
    acked = acknowledged(ran.stdout)
    for nth in range(1, 60):
        copy = store_path.parent.with_name(f"crash-{nth}")
        shutil.copytree(store_path.parent, copy)
        calls = "fsync,fdatasync,rename,unlink"
        inject = ["-e", f"trace={calls}", "-e", f"inject={calls}:signal=SIGKILL:when={nth}"]
        crashed = work_under(inject, copy / "jobs.db", "0", "migrate")
        if "migrated" in crashed.stdout:
            assert nth > 3
            return
        subprocess.run([sys.executable, WORKER, copy / "jobs.db", "0", "migrate"], check=True)
        check_migrated(copy / "jobs.db", acked)
    pytest.fail("the migration never came to its end")


@needs_strace
@pytest.mark.slow
def test_f05_a_crash_at_any_fsync_loses_nothing_acknowledged(store_path: Path) -> None:
    """SIGKILL at the nth fsync of submits and transitions, for every n."""
    for nth in range(1, 200):
        directory = store_path.parent.with_name(f"crash-{nth}")
        calls = "fsync,fdatasync,rename"
        inject = ["-e", f"trace={calls}", "-e", f"inject={calls}:signal=SIGKILL:when={nth}"]
        crashed = work_under(inject, directory / "jobs.db", "4")
        acked = acknowledged(crashed.stdout)
        check_all_there(directory / "jobs.db", acked)
        if crashed.returncode == 0:
            assert len(acked) == 4
            assert nth > 8
            return
    pytest.fail("the worker never came to its end")


# --- other programs -------------------------------------------------------------------------------


def test_f40_a_locked_store_says_busy_and_recovers(with_store, store_path: Path) -> None:
    """Another program holds the write lock: 503 that may be retried; reading goes on."""

    async def story(store: Store) -> None:
        before, _ = await store.submit(a_job(), FILES)
        locked, release = threading.Event(), threading.Event()

        def hold() -> None:
            other = sqlite3.connect(store_path)
            other.execute("BEGIN EXCLUSIVE")
            locked.set()
            release.wait()
            other.rollback()
            other.close()

        holder = threading.Thread(target=hold)
        holder.start()
        try:
            await asyncio.to_thread(locked.wait)
            with pytest.raises(Busy) as caught:
                await store.submit(a_job(), FILES)
            assert caught.value.stable_code == "store_locked"
            assert "database is locked" not in caught.value.detail
            assert (await store.get(before.job.id)).job.id == before.job.id
        finally:
            release.set()
            holder.join()
        await store.submit(a_job(), FILES)
        assert len(await store.alive()) == 2

    with_store(story)


# --- helpers --------------------------------------------------------------------------------------


async def _create(path: Path) -> None:
    store = await Store.open(path)
    await store.close()


def check_migrated(path: Path, acked: dict[str, str]) -> None:
    """The store has the next version's form, and every job."""
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == 2
        found = {row[0] for row in connection.execute("SELECT job_id FROM extra")}
        assert found == set(acked)
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    finally:
        connection.close()
