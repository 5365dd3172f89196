"""Settings, capacity, sockets, lock and log, each by itself."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import socket
import sys
from pathlib import Path

import pytest

from jupyter_mlops import settings
from jupyter_mlops.daemon import lock, sockets
from jupyter_mlops.daemon.lock import DaemonLock
from jupyter_mlops.daemon.logs import Redaction, configure, secret_values
from jupyter_mlops.errors import InvalidInput
from jupyter_mlops.jobs import attempt_log, capacity, kernelspecs
from jupyter_mlops.jobs.attempt_log import Digest
from jupyter_mlops.jobs.background import Background
from jupyter_mlops.jobs.capacity import Amount
from jupyter_mlops.jobs.model import Resources
from jupyter_mlops.settings import CapacitySettings

# --- settings -------------------------------------------------------------------------------------


def test_without_a_file_the_defaults_hold(home: Path) -> None:
    """The settings file is optional."""
    assert settings.load() == settings.Settings()


def test_settings_are_read_from_the_data_directory(home: Path) -> None:
    """And from where the variable points, if it does."""
    home.mkdir()
    (home / "mlops.yaml").write_text("warm: {enabled: false}\ncapacity: {cpus: 3}\n")
    found = settings.load()
    assert (found.warm.enabled, found.capacity.cpus) == (False, 3)


def test_every_mistake_in_the_settings_is_named() -> None:
    """Misspelt names and impossible values, all at once, by their places."""
    with pytest.raises(InvalidInput) as caught:
        settings.parse(b"idle_timout: 3\nwarm: {max_parents: 0}\nlog_level: LOUD\n", "mlops.yaml")
    places = {one["where"] for one in caught.value.problems}
    assert places == {"idle_timout", "warm.max_parents", "log_level"}
    assert "mlops.yaml" in caught.value.detail


@pytest.mark.parametrize(
    "text",
    [
        b"a: &a [1]\nb: [*a, *a]\n",
        b"!!python/object/apply:os.system ['id']",
        b"a: [1, 2",
        b"[" * 10_000,
        b"\xff\xfe\xfa",
        b"- just\n- a list\n",
    ],
)
def test_a35_yaml_that_means_harm_is_refused(text: bytes) -> None:
    """No aliases to expand, no objects to make, no traceback."""
    with pytest.raises(InvalidInput):
        settings.parse(text, "mlops.yaml")


# --- capacity -------------------------------------------------------------------------------------


def test_what_the_settings_say_holds_over_what_is_measured() -> None:
    """An operator may give less, or more."""
    found = capacity.measure(CapacitySettings(cpus=0.5, memory=2**30, gpus=3))
    assert found == Amount(0.5, 2**30, 3)


def test_the_machine_is_measured() -> None:
    """At least one CPU and some memory; no more CPUs than we may use."""
    found = capacity.measure(CapacitySettings(gpus=0))
    assert 1 <= found.cpus <= (os.cpu_count() or 1)
    assert 2**27 < found.memory < 2**50


def test_what_lacks_is_told_in_words() -> None:
    """Each resource with what is free."""
    free = Amount(0.5, 2**30, 1)
    wanted = Amount.of(Resources(cpus=2, memory=3 * 2**30, gpus=2))
    assert free.lacks(wanted) == ["2 CPUs (0.5 free)", "3 GB memory (1 GB free)", "2 GPUs (1 free)"]
    assert free.lacks(Amount(0.5, 0, 1)) == []
    assert Amount(0.3, 0, 0).lacks(Amount(0.1 + 0.2, 0, 0)) == []


# --- sockets --------------------------------------------------------------------------------------


def test_the_api_socket_is_private(home: Path, tmp_path: Path) -> None:
    """0600 in a 0700 directory; a socket left there is replaced."""
    path = tmp_path / "run" / "daemon.sock"
    for _ in range(2):
        with sockets.listen(path):
            assert path.stat().st_mode & 0o777 == 0o600
            assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a09_a_connection_of_another_user_is_closed_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And the next one of our own is served all the same."""
    path = tmp_path / "run" / "daemon.sock"
    ours = os.getuid()

    async def story() -> None:
        served = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal served
            served += 1
            writer.write(b"hello")
            writer.close()

        listening = sockets.listen(path)
        server = await asyncio.start_unix_server(serve, sock=listening)
        async with server:
            for uid, answer in ((ours + 1, b""), (None, b""), (ours, b"hello")):
                monkeypatch.setattr(sockets, "peer_uid", lambda _, uid=uid: uid)
                reader, writer = await asyncio.open_unix_connection(str(path))
                assert await reader.read() == answer
                writer.close()
            assert served == 1

    asyncio.run(story())
    assert caplog.text.count("refused: a connection of uid") == 2


def test_the_peer_of_a_socket_is_known() -> None:
    """The system says who is at the other end."""
    one, other = socket.socketpair()
    with one, other:
        assert sockets.peer_uid(one) == os.getuid()


def test_the_doorbell_takes_nothing_but_rings(home: Path, tmp_path: Path) -> None:
    """`<job id>/<attempt>`; anything else is dropped, and nobody ever waits for it."""
    path = tmp_path / "run" / "doorbell.sock"

    async def story() -> list[tuple[str, int]]:
        rung: list[tuple[str, int]] = []
        bell = sockets.Doorbell(path, lambda job, attempt: rung.append((job, attempt)))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as runner:
            for message in (b"0123456789ab/1", b"../../x/1", b"0123456789ab/0", b"", b"x" * 60,
                            b"0123456789ab/1\n", b"ffffffffffff/12"):  # fmt: skip
                runner.sendto(message, str(path))
            await asyncio.sleep(0.1)
        bell.close()
        return rung

    assert asyncio.run(story()) == [("0123456789ab", 1), ("ffffffffffff", 12)]
    assert not path.exists()


def test_one_holds_the_lock(tmp_path: Path) -> None:
    """Until it gives it back."""
    first, second = DaemonLock(tmp_path / "lock"), DaemonLock(tmp_path / "lock")
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()


def test_who_only_looks_at_the_lock_keeps_nobody_from_it(tmp_path: Path, monkeypatch) -> None:
    """`daemon stop` looks whether it is held; a daemon that starts at that moment gets it."""
    path = tmp_path / "lock"
    looking = os.open(path, os.O_RDONLY | os.O_CREAT)
    fcntl.flock(looking, fcntl.LOCK_SH)
    monkeypatch.setattr(lock.time, "sleep", lambda _: fcntl.flock(looking, fcntl.LOCK_UN))
    ours = DaemonLock(path)
    assert ours.acquire()
    ours.release()
    os.close(looking)


def test_a_lock_whose_file_was_removed_is_still_the_lock(tmp_path: Path) -> None:
    """Its holder puts the file back; nobody else gets it meanwhile."""
    path = tmp_path / "lock"
    first, second = DaemonLock(path), DaemonLock(path)
    assert first.acquire()
    assert first.in_place()
    path.unlink()
    assert not first.in_place()
    assert not second.acquire()
    assert first.acquire()
    assert first.in_place()
    assert not second.acquire()
    path.unlink()
    path.write_text("another file")
    assert not second.acquire()
    assert first.acquire()
    assert first.in_place()
    first.release()
    assert second.acquire()
    second.release()


# --- log ------------------------------------------------------------------------------------------


def test_a42_secrets_of_the_environment_never_reach_the_log(tmp_path: Path) -> None:
    """Values of variables whose names say so, in messages, arguments and tracebacks."""
    environment = {
        "AWS_SECRET_ACCESS_KEY": "canary-secret-1",
        "MY_TOKEN": "canary-secret-2",
        "MLFLOW_TRACKING_URI": "https://me:canary-secret-3@tracking.example/",
        "PASSWORD": "abc",
        "SSH_AUTH_SOCK": "/tmp/agent.sock",
        "HOME": "/home/me",
    }
    assert secret_values(environment) == [
        "me:canary-secret-3",
        "canary-secret-1",
        "canary-secret-2",
    ]
    redaction = Redaction(environment)
    logger = logging.getLogger("test.redaction")
    try:
        raise RuntimeError("with canary-secret-1 inside")
    except RuntimeError:
        record = logger.makeRecord(
            "x", logging.ERROR, "f", 1, "said %s and %s", ("canary-secret-2", 3), sys.exc_info()
        )
    assert redaction.filter(record)
    text = logging.Formatter().format(record)
    assert "canary" not in text
    assert "said [redacted] and 3" in text
    assert "RuntimeError" in text


def test_the_log_is_private_and_rotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It doesn't grow for ever, and nobody else reads it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    path = tmp_path / "daemon.log"
    try:
        configure(path, "INFO")
        for _ in range(60_000):
            logging.getLogger("x").info("a line of the log " * 8)
        logging.shutdown([lambda: root.handlers[0]])
    finally:
        logging.captureWarnings(False)
        for handler in root.handlers:
            handler.close()
        root.handlers[:] = handlers
        root.setLevel(level)
    files = sorted(tmp_path.glob("daemon.log*"))
    assert [file.name for file in files] == ["daemon.log", "daemon.log.1", "daemon.log.2"]
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in files)
    assert sum(file.stat().st_size for file in files) < 13 * 2**20


# --- files of attempts ----------------------------------------------------------------------------


def test_lines_are_read_whole_however_they_are_written(tmp_path: Path) -> None:
    """A half written line waits; one longer than a chunk comes whole."""
    path = tmp_path / "events.jsonl"
    assert attempt_log.read_lines(path, 0) == b""
    path.write_bytes(b"one\ntw")
    assert attempt_log.read_lines(path, 0) == b"one\n"
    assert attempt_log.read_lines(path, 4) == b""
    path.write_bytes(b"one\ntwo\n" + b"x" * 5000 + b"\nfour\n")
    assert attempt_log.read_lines(path, 4, limit=100) == b"two\n"
    assert attempt_log.read_lines(path, 8, limit=100) == b"x" * 5000 + b"\n"
    assert attempt_log.read_lines(path, 8 + 5001, limit=100) == b"four\n"
    path.unlink()
    path.symlink_to("/etc/passwd")
    assert attempt_log.read_lines(path, 0) == b""


def test_events_that_make_no_sense_are_passed_over() -> None:
    """A runner's file may be cut, foreign, or of a newer version."""
    digest = Digest()
    digest.take(
        b'{"seq":1,"type":"prepared","total":3,"start":{"warm":"certainly"}}\n'
        b"not json\n[1]\n\n{}\n"
        b'{"seq":2,"type":"cell_finished","index":0,"status":"succeeded"}\n'
        b'{"seq":3,"type":"unheard of"}\n'
        b'{"seq":4,"type":"finished","state":"running"}\n' + b"[" * 100_000 + b"\n"
    )
    assert (digest.progress.total, digest.progress.done) == (3, 1)
    assert digest.prepared is not None
    assert digest.finished is None


def test_the_last_output_is_the_last_line_with_something_in_it() -> None:
    """A progress bar's carriage returns count as lines; a flood is cut."""
    digest = Digest()
    digest.take(b'{"seq":1,"type":"stream","text":"10%\\r20%\\r\\n\\n  \\n"}\n')
    assert digest.last_output == "20%"
    digest.take(b'{"seq":2,"type":"stream","text":"' + b"y" * 10_000 + b'"}\n')
    assert digest.last_output == "y" * 300


# --- kernelspecs ----------------------------------------------------------------------------------


def test_kernelspecs_are_those_that_jupyter_finds() -> None:
    """The same names, commands and languages as jupyter_client's."""
    from jupyter_client.kernelspec import KernelSpecManager

    wanted = KernelSpecManager().get_all_specs()
    found = kernelspecs.installed()
    assert set(found) == set(wanted)
    for name, spec in found.items():
        assert spec.language == wanted[name]["spec"]["language"]
        assert spec.display_name == wanted[name]["spec"]["display_name"]
        assert Path(spec.order().argv[0]).is_absolute() or spec.language != "python"


def test_an_unreadable_kernelspec_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It doesn't keep the others from working."""
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    for name, text in (
        ("cut", "{"),
        ("empty", '{"argv": []}'),
        ("list", "[]"),
        ("ok", '{"argv": ["x"]}'),
    ):
        directory = tmp_path / "kernels" / name
        directory.mkdir(parents=True)
        (directory / "kernel.json").write_text(text)
    (tmp_path / "kernels" / "bad name").mkdir()
    found = kernelspecs.installed()
    assert "ok" in found
    assert not {"cut", "empty", "list", "bad name"} & set(found)


# --- background -----------------------------------------------------------------------------------


def test_what_fails_in_the_background_is_heard(caplog: pytest.LogCaptureFixture) -> None:
    """At once, by its name; the others go on until they are stopped."""
    ended: list[str] = []

    async def broken() -> None:
        raise KeyError("nobody catches it")

    async def lasting() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("lasting")

    async def story() -> None:
        background = Background()
        background.spawn(lasting(), "what lasts")
        failing = background.spawn(broken(), "the queue")
        await asyncio.wait([failing])
        await asyncio.sleep(0)
        assert [(one.levelname, one.getMessage()) for one in caplog.records] == [
            ("ERROR", "the queue failed in the background")
        ]
        assert ended == []
        await background.stop()
        assert ended == ["lasting"]

    asyncio.run(story())
