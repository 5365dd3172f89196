"""A run's notebook as a file of the person's again: as it was, where it can be run. Blocking.

    kept = Kept(notebook, "train", modules)
    copied = put(kept, home, mark)

It becomes `<home>/<stem>-<mark>.ipynb`, beside the original, so that relative paths hold, as long
as the modules there are still those that the run imported; else `<home>/runs/<stem>-<mark>/`, with
the modules as they were. What is there already is never written over: the same content is found
again, another one gets a further number.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import shutil
import stat
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from jupyter_mlops.errors import InvalidInput, MlopsError, Refused

#: What an archive of modules may hold, and bytes of it unpacked.
_MODULES_MOST, _BYTES_MOST = 10_000, 200 * 2**20
FOLDER = "runs"
_COPIES_MOST = 1000


@dataclass(frozen=True, slots=True)
class Kept:
    """What a run has kept of its notebook."""

    notebook: bytes
    #: The notebook's name without its suffix.
    stem: str
    #: Local modules: relative path → content.
    modules: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Copied:
    """Where it is now."""

    path: Path
    #: Modules that were laid beside it, since those beside the original are others by now.
    modules: tuple[str, ...] = ()


def unpacked(archive: bytes) -> dict[str, bytes]:
    """The modules in an archive that a run keeps (`mlops/code.zip`).

    Raises:
        InvalidInput: it is no such archive: broken, too large, or with paths that lead elsewhere.
    """
    found: dict[str, bytes] = {}
    left = _BYTES_MOST
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            entries = [one for one in opened.infolist() if not one.is_dir()]
            if len(entries) > _MODULES_MOST:
                raise _unfit("it holds too many files")
            for entry in entries:
                _check_name(entry)
                # Not what the archive says of itself: what comes out.
                with opened.open(entry) as file:
                    found[entry.filename] = file.read(left + 1)
                left -= len(found[entry.filename])
                if left < 0:
                    raise _unfit("it is too large")
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, ValueError) as error:
        raise _unfit(str(error)) from None
    return found


def put(kept: Kept, home: Path, mark: str) -> Copied:
    """Make it a file again.

    Args:
        kept: what the run has.
        home: an existing directory, best the one that the notebook was in.
        mark: short; tells this run's copies from others'.

    Raises:
        Refused: nothing can be written there.
    """
    name = f"{kept.stem}-{mark}"
    try:
        if all(_same(home / path, content) for path, content in kept.modules.items()):
            return Copied(_beside(home, name, kept.notebook))
        return Copied(_apart(home, name, kept), tuple(sorted(kept.modules)))
    except OSError as error:
        raise Refused(
            f"The notebook can't be written into {home}: {error.strerror}.",
            hint="Make that directory writable, or open another one in JupyterLab.",
        ) from error


def _beside(home: Path, name: str, notebook: bytes) -> Path:
    for path in (home / f"{one}.ipynb" for one in _numbered(name)):
        if _same(path, notebook):
            return path
        with contextlib.suppress(FileExistsError), open(path, "xb") as file:
            try:
                file.write(notebook)
                file.flush()
            except OSError:
                path.unlink(missing_ok=True)
                raise
            return path
    raise _crowded(home, name)


def _apart(home: Path, name: str, kept: Kept) -> Path:
    above = home / FOLDER
    above.mkdir(exist_ok=True)
    if above.is_symlink():
        raise OSError(errno.ELOOP, "runs is a link")
    files = {**kept.modules, f"{kept.stem}.ipynb": kept.notebook}
    for folder in (above / one for one in _numbered(name)):
        notebook = folder / f"{kept.stem}.ipynb"
        if all(_same(folder / path, content) for path, content in files.items()):
            return notebook
        if os.path.lexists(folder):
            continue
        made = Path(tempfile.mkdtemp(prefix=".mlops-", dir=above))
        try:
            for path, content in files.items():
                place = made / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
            os.rename(made, folder)
        except OSError as error:
            shutil.rmtree(made, ignore_errors=True)
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                continue  # somebody was faster
            raise
        return notebook
    raise _crowded(home, name)


def _numbered(name: str) -> list[str]:
    return [name, *(f"{name}-{number}" for number in range(2, _COPIES_MOST + 1))]


def _same(path: Path, content: bytes) -> bool:
    try:
        about = path.lstat()
        regular = stat.S_ISREG(about.st_mode) and about.st_size == len(content)
        return regular and path.read_bytes() == content
    except OSError:
        return False


def _check_name(entry: zipfile.ZipInfo) -> None:
    path = PurePosixPath(entry.filename)
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if path.is_absolute() or ".." in path.parts or "\\" in entry.filename or "\0" in entry.filename:
        raise _unfit("its paths lead out of it")
    if kind not in (0, stat.S_IFREG):
        raise _unfit("it holds something else than plain files")


def _unfit(why: str) -> InvalidInput:
    return InvalidInput(f"The code that the run keeps can't be used: {why}.", code="code_unfit")


def _crowded(home: Path, name: str) -> MlopsError:
    return Refused(
        f"There are too many copies of {name} in {home}.", hint="Delete those of no use."
    )
