"""`code.zip` laid out: whatever somebody has put into it, nothing leaves the folder. Blocks."""

from __future__ import annotations

import contextlib
import os
import stat
import zipfile
from pathlib import Path

from jupyter_mlops.reproduction.model import CannotReproduce

#: Files of an archive, and bytes of all of them unpacked.
FILES_MOST, BYTES_MOST = 20_000, 512 * 2**20
_CHUNK = 2**20


def unpack(archive: Path, target: Path) -> int:
    """Lay out the files of a ZIP archive below `target`, over what lies there; returns how many.

    Raises:
        CannotReproduce: it can't be read, is too large, or names a path that leads out.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = [one for one in opened.infolist() if not one.is_dir()]
            if len(entries) > FILES_MOST:
                raise CannotReproduce(f"code.zip has more than {FILES_MOST} files")
            left = BYTES_MOST
            for entry in entries:
                place = _place(entry, target)
                with opened.open(entry) as given:
                    left -= write_new(place, target, iter(lambda: given.read(_CHUNK), b""), left)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise CannotReproduce(f"code.zip can't be read: {error}") from error
    return len(entries)


def write_new(place: Path, root: Path, pieces: object, most: int) -> int:
    """Write a file below `root` anew, through no link; the bytes that it has.

    Raises:
        CannotReproduce: a folder on the way is a link, or there are more than `most` bytes.
        OSError: it can't be written.
    """
    make_folders(place.parent, root)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(place)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    size = 0
    with open(os.open(place, flags, 0o644), "wb") as made:
        for piece in pieces:  # type: ignore[attr-defined]
            size += len(piece)
            if size > most:
                raise CannotReproduce(f"{place.name} makes the code larger than {BYTES_MOST} bytes")
            made.write(piece)
    return size


def make_folders(folder: Path, root: Path) -> None:
    """Let there be `folder` below `root`, and no link on the way to it.

    Raises:
        CannotReproduce: there is one, or a file in its place.
    """
    place = root
    root.mkdir(parents=True, exist_ok=True)
    for part in folder.relative_to(root).parts:
        place /= part
        try:
            os.mkdir(place, 0o755)
        except FileExistsError:
            if not stat.S_ISDIR(os.lstat(place).st_mode):
                raise CannotReproduce(f"{place} is in the way: it is no folder") from None


def _place(entry: zipfile.ZipInfo, target: Path) -> Path:
    name = entry.filename
    kind = stat.S_IFMT(entry.external_attr >> 16)
    parts = name.split("/")
    unfit = any(part in ("", ".", "..") or len(os.fsencode(part)) > 255 for part in parts)
    if unfit or "\\" in name or "\0" in name or kind not in (0, stat.S_IFREG):
        raise CannotReproduce(f"code.zip has an entry that can't be laid out: {name[:100]!r}")
    return target / name
