"""From a request to a job: every check that can be made at submit, and the snapshot."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import json
import math
import os
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from jupyter_mlops.daemon.root import PathRules
from jupyter_mlops.daemon.service import Service
from jupyter_mlops.errors import InvalidInput, MlopsError, TooLarge
from jupyter_mlops.jobs import kernelspecs
from jupyter_mlops.jobs.bundle import CODE, NOTEBOOK
from jupyter_mlops.jobs.capacity import Amount, refuse_impossible
from jupyter_mlops.jobs.model import Job, JobSpec, Outputs, SpecChanges, Submission
from jupyter_mlops.jobs.snapshot import Taken, check_values, take_snapshot
from jupyter_mlops.jobs.store_changes import idempotency_conflict
from jupyter_mlops.jobs.store_rows import NewJob, OutputPaths, Preload

#: Leaves room for "-<job id>" and ".ipynb" in a name of at most 255 bytes.
_STEM_BYTES = 200
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_NAME_MOST = 250
#: Tag of a job that was a cell (`%%mlops run`): `spec.notebook` is where the cell stood.
_SOURCE_TAG, _CELL = "mlops.source", "cell"


async def submit(
    service: Service,
    submission: Submission,
    key: str | None,
    rules: PathRules,
    rerun_of: str | None = None,
) -> tuple[Job, bool]:
    """Make the job; False: the idempotency key had already made it.

    Raises:
        InvalidInput: it can't run; `problems` names every reason.
        Refused: a path that the request may not name.
        Conflict: the key came with another request before.
    """
    digest = _digest(submission, rules) if _checked_key(key) is not None else None
    try:
        new, files = await _prepare(service, submission, rules)
    except MlopsError:
        # What the key has made is there, whatever has become of its notebook. Asked only now:
        # where the request is as good as before, the store finds the key by itself.
        if key is not None and (found := await service.store.by_key(key)) is not None:
            if found[1] != digest:
                raise idempotency_conflict(found[0].job.id) from None
            return service.dispatcher.view(found[0]), False
        raise
    new = replace(new, idempotency_key=key, idempotency_body=digest, rerun_of=rerun_of)
    job, created = await service.dispatcher.submit(new, files)
    if created and new.git_commit is not None:
        # Asking git may take long, so nobody waits for it.
        notebook = Path(new.notebook)
        code = [notebook.parent / path for path in _code(files)]
        service.code_states.learn(job.id, new.created_at, notebook, code)
    return job, created


def _code(files: Mapping[str, bytes]) -> list[str]:
    """Local modules of a snapshot, relative to its notebook's directory."""
    return [path[len(CODE) + 1 :] for path in files if path.startswith(f"{CODE}/")]


async def rerun(service: Service, job: Job, changes: SpecChanges, rules: PathRules) -> Job:
    """A new job like `job` but for `changes`, from the same snapshot unless the latest is wanted.

    Raises:
        InvalidInput: it can't run; `problems` names every reason.
    """
    spec = _changed(job.spec, changes)
    if changes.latest:
        if spec.tags.get(_SOURCE_TAG) == _CELL:
            raise InvalidInput(
                f"The job {job.id} was a cell: there is no later notebook of it.",
                hint="Leave --latest out, or run the cell again.",
                problems=[{"where": "latest", "message": "the job was a cell"}],
            )
        spec = spec.model_copy(update={"notebook": job.notebook})
        job_made, _ = await submit(service, Submission(spec=spec), None, rules, rerun_of=job.id)
        return job_made
    stored = await service.store.get(job.id)
    files = await service.store.snapshot_files(job.id)
    problems = _Problems()
    _check_spec(service, spec, problems)
    directory = Path(job.outputs.directory).parent
    with problems:
        await asyncio.to_thread(_check_writable, directory, "spec.output_dir")
    with problems:
        await asyncio.to_thread(kernelspecs.find, job.kernel.name)
    with problems:
        raw = files[NOTEBOOK]
        await asyncio.to_thread(check_values, raw, spec.parameters, job.kernel.language)
    problems.raise_any()
    job_id = secrets.token_hex(6)
    outputs, output_paths = _outputs(directory, Path(job.notebook), job_id)
    new = NewJob(
        id=job_id,
        name=spec.name or job.name,
        spec=spec,
        notebook=job.notebook,
        notebook_hash=job.notebook_hash,
        kernel=job.kernel,
        cwd=stored.cwd,
        outputs=outputs,
        output_paths=output_paths,
        created_at=time.time(),
        preload=stored.preload,
        git_commit=job.git_commit,
        git_dirty=job.git_dirty,
        warnings=tuple(job.warnings),
        rerun_of=job.id,
    )
    made, _ = await service.dispatcher.submit(new, files)
    await asyncio.to_thread(service.code_states.copy, made.id, job.id)
    return made


class _Problems:
    """Collects errors, so that a person sees all of them at once."""

    def __init__(self) -> None:
        self.errors: list[MlopsError] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, (InvalidInput, TooLarge)):
            self.errors.append(error)
            return True
        return False

    def add(self, where: str, message: str) -> None:
        """One place."""
        self.errors.append(
            InvalidInput(f"{where}: {message}.", problems=[{"where": where, "message": message}])
        )

    def raise_any(self) -> None:
        """Raise what was collected, as one error."""
        if not self.errors:
            return
        if len(self.errors) == 1:
            raise self.errors[0]
        listed: list[dict[str, Any]] = []
        for error in self.errors:
            listed += error.problems or [{"where": "spec", "message": error.detail}]
        hints = dict.fromkeys(error.hint for error in self.errors if error.hint)
        raise InvalidInput(
            " ".join(error.detail for error in self.errors),
            hint=" ".join(hints),
            problems=listed,
        )


async def _prepare(
    service: Service, submission: Submission, rules: PathRules
) -> tuple[NewJob, Mapping[str, bytes]]:
    spec = submission.spec
    notebook, output, taken = await asyncio.to_thread(_look, service, submission, rules)
    job_id = secrets.token_hex(6)
    outputs, output_paths = _outputs(output, notebook, job_id)
    made = taken.snapshot
    warnings = list(made.warnings)
    if service.dispatcher.capacity.gpus and not spec.resources.gpus:
        warnings.append("It asks for no GPU, so it will see none of this machine's.")
    new = NewJob(
        id=job_id,
        name=spec.name or display_name(notebook),
        spec=spec,
        notebook=taken.notebook,
        notebook_hash=made.notebook_hash,
        kernel=made.kernel,
        cwd=taken.cwd,
        outputs=outputs,
        output_paths=output_paths,
        created_at=time.time(),
        preload=Preload(made.imports, made.held_back),
        git_commit=made.git_commit,
        git_dirty=made.git_dirty,
        warnings=tuple(warnings),
    )
    return new, made.files()


def _look(service: Service, submission: Submission, rules: PathRules) -> tuple[Path, Path, Taken]:
    """The notebook, the folder for results and the snapshot. Blocking: it looks at files."""
    spec = submission.spec
    problems = _Problems()
    notebook: Path | None = None
    output: Path | None = None
    values: bytes | None = None
    taken: Taken | None = None
    with problems:
        notebook = rules.notebook(spec.notebook, "spec.notebook")
    if notebook is not None:
        with problems:
            output = _output_dir(spec, notebook, rules)
    _check_spec(service, spec, problems)
    with problems:
        values = _values(submission.values)
    if notebook is not None:
        with problems:
            taken = _snapshot(spec, submission.content, values, rules)
    problems.raise_any()
    assert notebook is not None
    assert output is not None
    assert taken is not None
    return notebook, output, taken


def _snapshot(
    spec: JobSpec, content: dict[str, Any] | None, values: bytes | None, rules: PathRules
) -> Taken:
    try:
        return take_snapshot(spec, content=content, values=values, root=rules.root)
    except MlopsError as error:
        for problem in error.problems:
            where = str(problem.get("where", ""))
            problem["where"] = where if where.startswith("spec.") else f"spec.{where}"
        if not error.problems:
            error.problems.append({"where": "spec.notebook", "message": error.detail})
        raise


def display_name(notebook: Path) -> str:
    """The name of a job that was given none."""
    text = "".join(char if char.isprintable() else " " for char in notebook.stem)
    return text.strip()[:_NAME_MOST] or "notebook"


def _checked_key(key: str | None) -> str | None:
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidInput(
            "The Idempotency-Key must have 1 to 255 printable ASCII characters.",
            problems=[{"where": "Idempotency-Key", "message": "can't be used"}],
        )
    return key


def _digest(submission: Submission, rules: PathRules) -> str:
    text = json.dumps(
        [str(rules.root), submission.model_dump(mode="json", exclude_defaults=True)],
        sort_keys=True,
    )
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _check_spec(service: Service, spec: JobSpec, problems: _Problems) -> None:
    with problems:
        refuse_impossible(service.dispatcher.capacity, Amount.of(spec.resources))
    for name, value in spec.parameters.items():
        if not _finite(value):
            problems.add(f"spec.parameters.{name}", "NaN and infinity are not JSON values")
    for name in spec.env_from:
        if name not in service.dispatcher.environment:
            problems.add("spec.env_from", f"{name} is not set in the daemon's environment")
    if spec.timeout is not None and not math.isfinite(spec.timeout):
        problems.add("spec.timeout", "must be finite")


def _finite(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    if isinstance(value, list):
        return all(map(_finite, value))
    return True


def _values(encoded: str | None) -> bytes | None:
    if encoded is None:
        return None
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput(
            "The variables taken along are not base64.",
            problems=[{"where": "values", "message": "not base64"}],
        ) from None


def _output_dir(spec: JobSpec, notebook: Path, rules: PathRules) -> Path:
    """Where the job's own folder will be made; checked that it can be."""
    if spec.output_dir is None:
        where, directory = "spec.notebook", notebook.parent / "jobs"
        directory = rules.resolve(str(directory), where)
    else:
        where = "spec.output_dir"
        directory = rules.resolve(spec.output_dir, where, base=notebook.parent)
    _check_writable(directory, where)
    return directory


def _check_writable(directory: Path, where: str) -> None:
    existing = directory
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    problem = None
    if not existing.is_dir():
        problem = f"{existing} is not a directory"
    elif not os.access(existing, os.W_OK | os.X_OK):
        problem = f"{existing} can't be written"
    if problem is not None:
        raise InvalidInput(
            f"The result can't be put into {directory}: {problem}.",
            hint="Choose another output folder.",
            problems=[{"where": where, "message": problem}],
        )


def _outputs(directory: Path, notebook: Path, job_id: str) -> tuple[Outputs, OutputPaths]:
    stem = os.fsencode(notebook.stem)[:_STEM_BYTES].decode("utf-8", "ignore") or "notebook"
    folder = directory / f"{stem}-{job_id}"
    paths = OutputPaths(str(folder / f"{stem}.ipynb"), str(folder / f"{stem}.log"))
    return Outputs(directory=str(folder)), paths


def _changed(spec: JobSpec, changes: SpecChanges) -> JobSpec:
    update: dict[str, Any] = {
        "parameters": spec.parameters | changes.parameters,
        "env": spec.env | changes.env,
    }
    for name in ("name", "retries", "timeout"):
        if name in changes.model_fields_set:
            value = getattr(changes, name)
            update[name] = 0 if name == "retries" and value is None else value
    return spec.model_copy(update=update)
