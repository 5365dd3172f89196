"""Puts together what a Python session left: the same document for a job and an interactive run."""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from jupyter_mlops import paths
from jupyter_mlops.converters.history import history_of
from jupyter_mlops.converters.reproducible import lacks
from jupyter_mlops.facts import hashing, machine
from jupyter_mlops.jobs.gitstate import GitSilent, repository
from jupyter_mlops.jobs.runner import files
from jupyter_mlops.jobs.runner.jsontext import compact
from jupyter_mlops.jobs.working_tree import blob_sizes, changed, tracked
from jupyter_mlops.tracking.dataset_inputs import dataset_inputs
from jupyter_mlops.tracking.environments import Environment, Environments
from jupyter_mlops.tracking.kept_data import KeptData
from jupyter_mlops.tracking.kernel_facts import KernelFacts
from jupyter_mlops.tracking.run_facts import RunFacts, Sample

log = logging.getLogger(__name__)

#: Below this directory of a run's artifacts lies what is recorded without asking.
DIRECTORY = "mlops"
FACTS, LOCK, DATASETS = "facts.json", "requirements.txt", "datasets.json"
#: Local modules as they ran.
CODE_ZIP = "code.zip"
#: SHA-256 of `facts.json`, which has those of the files beside it: whoever changes one of them is
#: found out.
FACTS_TAG = "mlops.facts"
#: The shape of `facts.json`.
VERSION = 1
#: Data files that `facts.json` names; `datasets.json` has all.
_FILES_MOST = 100
#: Bytes that are hashed here, for one run, of what its kernel had no time for.
_HASH_MOST = 4 * 2**30
_TAG_MOST = 8000
#: Characters of sources that a session's facts hold.
_SOURCES_MOST = 4 * 2**20


class Gathering:
    """Blocks for milliseconds, or for seconds where something is to be listed or hashed: any thread
    may use it.
    """

    def __init__(self, hash_limit: int, kept: KeptData | None = None) -> None:
        """Nothing is known yet.

        Args:
            hash_limit: bytes up to which data files are hashed.
            kept: keeps copies of small ones; None: none are kept.
        """
        self._hash_limit = hash_limit
        self._kept = kept
        self._environments = Environments()

    def environment(self, kernel: KernelFacts | None) -> Environment | None:
        """The packages that a kernel had."""
        if kernel is None:
            return None
        return self._environments.of(kernel.python.executable, kernel.packages)

    def add_session(
        self,
        facts: dict[str, Any],
        kernel: KernelFacts | None,
        environment: Environment | None,
        document: Mapping[str, Any],
        own: Sequence[Path],
    ) -> None:
        """Add to `facts` what a Python session says, and whether it could be reproduced.

        Args:
            facts: `cwd`, `code` and `values` are there.
            kernel: what its kernel wrote; None where it couldn't.
            environment: its packages.
            document: its notebook.
            own: folders whose modules are kept with the run.
        """
        # What it has read is told by where it really lies.
        facts["real_cwd"] = os.path.realpath(facts["cwd"])
        facts["complete"] = kernel is not None and kernel.complete
        facts["python"] = environment.python if environment else None
        if environment is None and kernel is not None:
            facts["python"] = kernel.python.model_dump()
        if kernel is not None:
            facts |= kernel.model_dump(include={"argv", "variables", "seeds", "random", "blas"})
        executed = [] if kernel is None else [cell.model_dump() for cell in kernel.cells]
        if "job" not in facts:
            # What a job runs is its notebook from top to bottom.
            facts["executions"] = executed
            facts["sources"] = {} if kernel is None else _some(kernel.sources)
        facts["errors"] = [
            {"number": number, "error": one.get("error")}
            for number, one in enumerate(executed, 1)
            if not one["ok"]
        ]
        facts["history"] = history_of(document, executed).to_json()
        modules = [] if kernel is None else kernel.modules
        modules = [path for path in modules if not any(_below(path, one) for one in own)]
        local = None if environment is None else _used(environment, modules)
        facts["local_packages"] = local
        editable = [_path_of(one) for one in local or () if one.get("editable")]
        facts["outside"] = [one for one in modules if not any(_below(one, p) for p in editable)]
        if environment is not None:
            facts["packages"] = {
                "file": LOCK,
                "count": len(environment.packages),
                "sha256": environment.lock_hash,
            }
        commit = (facts.get("code") or {}).get("commit")
        facts["datasets"] = self._datasets(kernel, Path(facts["cwd"]), commit)
        facts["lacks"] = [one.to_json() for one in lacks(facts)]
        facts["reproducible"] = not facts["lacks"]

    def recorded(self, run_id: str, facts: RunFacts) -> None:
        """The facts are in the run: from now on it needs the copies that were kept.

        Raises:
            StoreUnusable: that can't be noted.
        """
        if self._kept is not None:
            self._kept.needed_by(run_id, facts.copies)

    def _datasets(
        self, kernel: KernelFacts | None, cwd: Path, commit: str | None
    ) -> dict[str, Any] | None:
        if kernel is None:
            return {"files": [], "more": 0}
        if kernel.read is None:
            return None
        found = [one.model_dump(exclude_none=True) for one in kernel.read]
        left = _HASH_MOST
        for one in found:
            if "sha256" in one or "note" in one:
                continue
            # What is too large by itself takes nothing from the others.
            hashed = 0 <= one["size"] <= self._hash_limit
            left -= one["size"] if hashed else 0
            if left < 0:
                one["note"] = "not hashed: there was too much"
                continue
            one.update(hashing.content_hash(one, self._hash_limit, str(paths.hashes_dir())))
        _mark_versioned(found, cwd, commit)
        spared = {str(one["sha256"]) for one in found if "sha256" in one}
        for one in found:
            if "sha256" in one and self._kept is not None and self._kept.keep(one, spared):
                one["kept"] = True
        return {"files": found, "more": kernel.read_more}


def written(
    facts: dict[str, Any],
    environment: Environment | None,
    directory: Path,
    beside: Mapping[str, Path],
    samples: Sequence[Sample] = (),
) -> RunFacts:
    """The facts as what goes into a run; files that don't exist yet are written into `directory`.

    Args:
        facts: complete.
        environment: the packages.
        directory: for files; the kernel's own may lie there.
        beside: further artifacts, by their name below `mlops/`.
        samples: of the system.

    Raises:
        OSError: they can't be written.
    """
    artifacts = {LOCK: environment.lock} if environment is not None else {}
    artifacts |= beside
    data = facts.get("datasets") or {}
    inputs = tuple(dataset_inputs(data.get("files", ()), facts["cwd"]))
    if data.get("files"):
        artifacts[DATASETS] = _write(directory / DATASETS, data)
        facts = {**facts, "datasets": {**data, "files": data["files"][:_FILES_MOST]}}
    copies = {str(one["sha256"]): str(one["path"]) for one in data.get("files", ())
              if one.get("kept")}  # fmt: skip
    facts = {**facts, "artifacts": {name: _sha256(path) for name, path in artifacts.items()}}
    artifacts[FACTS] = _write(directory / f"run-{FACTS}", facts)
    return RunFacts(
        tags={**_tags(facts, environment), FACTS_TAG: _sha256(artifacts[FACTS])},
        files={f"{DIRECTORY}/{name}": path for name, path in artifacts.items()},
        inputs=inputs,
        samples=samples,
        copies=copies,
    )


@functools.cache
def this_machine() -> dict[str, Any]:
    """The machine; asked once."""
    return machine.machine()


def pack(sources: Mapping[str, Path | bytes], packed: Path) -> None:
    """A ZIP archive of files, or of what they hold; the same for the same content.

    Raises:
        OSError: one can't be read, or the archive not written.
    """
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(sources):
            entry = zipfile.ZipInfo(name)  # of one time, whenever it is made
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            source = sources[name]
            archive.writestr(entry, source if isinstance(source, bytes) else source.read_bytes())


def _tags(facts: Mapping[str, Any], environment: Environment | None) -> dict[str, str]:
    found: dict[str, str] = {}
    if "reproducible" in facts:
        found["mlops.reproducible"] = "yes" if facts["reproducible"] else "no"
    if environment is not None:
        found["mlops.python"] = str(environment.python["version"])
        found["mlops.packages"] = environment.lock_hash
    if gpus := facts["machine"]["gpus"]:
        found["mlops.gpus"] = ", ".join(str(one["name"]) for one in gpus)
    code = facts.get("code") or {}
    for name, tag in (("branch", "branch"), ("remote", "repoURL")):
        if code.get(name):
            found[f"mlflow.source.git.{tag}"] = str(code[name])
    return {name: value[:_TAG_MOST] for name, value in found.items()}


def _some(sources: Mapping[str, str]) -> dict[str, str]:
    """Sources of cells by their hashes, up to a limit."""
    found: dict[str, str] = {}
    left = _SOURCES_MOST
    for digest, source in sources.items():
        left -= len(source)
        if left < 0:
            break
        found[digest] = source
    return found


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _used(environment: Environment, modules: list[str]) -> list[dict[str, Any]]:
    """Packages from a path of this machine; of editable ones, whether they were imported."""
    return [
        {**one, "used": any(_below(module, _path_of(one)) for module in modules)}
        if one.get("editable")
        else one
        for one in environment.local
    ]


def _path_of(package: Mapping[str, Any]) -> Path:
    return Path(unquote(urlsplit(str(package.get("url", ""))).path) or "/nowhere")


def _below(path: str, directory: Path) -> bool:
    return Path(path).is_relative_to(directory)


def _mark_versioned(found: list[dict[str, Any]], cwd: Path, commit: str | None) -> None:
    """Say of each file whether git has its content: tracked, and as it was read the same as in the
    run's commit.
    """
    tree = repository(cwd) if found and commit else None
    if tree is None or commit is None:
        return
    top = tree[0]
    # What git can tell is of now: not of a file that has changed since it was read.
    listed = [Path(one["path"]) for one in found if hashing.unchanged(one)]
    try:
        of_git = tracked(top, listed)
        differing = changed(top, [top / path for path in of_git], commit)
        sizes = blob_sizes(top, of_git - differing, commit)
    except GitSilent as silent:
        log.warning("git can't tell what data it has: %s", silent)
        return
    have = {os.path.realpath(top / path): size for path, size in sizes.items()}
    for one in found:
        if have.get(os.path.realpath(one["path"])) == one["size"]:
            one["versioned"] = "git"


def _write(path: Path, document: Mapping[str, Any]) -> Path:
    # Its directory is synced with the run's artifacts, of which it becomes one.
    files.replace(path, [compact(document)], settled=False)
    return path
