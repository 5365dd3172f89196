"""A process that works on a store and says what was acknowledged: `worker.py PATH JOBS [migrate]`.

Each line it prints is an acknowledgement: `submitted <id>`, `ended <id>`, `refused <code>`,
`unopened <code>`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from mlops_store_jobs import FILES, a_job

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.jobs import store_file
from jupyter_mlops.jobs.model import State
from jupyter_mlops.jobs.state import Begin, Ended, Prepared
from jupyter_mlops.jobs.store import Store

#: What a next version might add.
NEXT = """
CREATE TABLE extra (job_id TEXT PRIMARY KEY REFERENCES jobs (id));
INSERT INTO extra SELECT id FROM jobs;
ALTER TABLE jobs ADD COLUMN owner TEXT NOT NULL DEFAULT '';
"""


def say(*words: str) -> None:
    """An acknowledgement; written before anything else happens."""
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


async def work(path: Path, count: int) -> None:
    """Submit jobs one after the other and lead every second one to its end."""
    try:
        store = await Store.open(path)
    except MlopsError as error:
        say("unopened", error.stable_code)
        return
    for number in range(count):
        new = a_job()
        try:
            await store.submit(new, FILES | {"values.pkl": bytes([number % 256]) * 20_000})
            say("submitted", new.id)
            if number % 2:
                await store.apply(new.id, Begin(1, time.time()))
                await store.apply(new.id, Prepared(1, time.time()))
                await store.apply(new.id, Ended(1, time.time(), State.SUCCEEDED))
                say("ended", new.id)
        except MlopsError as error:
            say("refused", error.stable_code)
    await store.close()


def migrate(path: Path) -> None:
    """Open the store as a next version would."""
    store_file.StoreFile.open(path, version=2, migrations={1: NEXT})
    say("migrated")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    if sys.argv[3:] == ["migrate"]:
        migrate(target)
    else:
        asyncio.run(work(target, int(sys.argv[2])))
