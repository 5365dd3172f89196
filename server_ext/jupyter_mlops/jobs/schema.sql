-- The jobs' store. Times are epoch seconds, durations seconds, sizes bytes; JSON columns hold the
-- models of jobs/model.py. What must never be is refused here, whatever the program does.

-- Facts about the store itself.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- Content of snapshots, each stored once however many jobs were submitted from it.
CREATE TABLE blobs (
    hash TEXT PRIMARY KEY CHECK (length(hash) = 64),      -- sha256 of data
    size INTEGER NOT NULL CHECK (size = length(data)),
    data BLOB NOT NULL
);

CREATE TABLE jobs (
    id              TEXT PRIMARY KEY CHECK (length(id) = 12 AND id NOT GLOB '*[^0-9a-f]*'),
    name            TEXT NOT NULL CHECK (name <> ''),
    state           TEXT NOT NULL CHECK (state IN (
        'queued',       -- submitted, or a retry that waits          (→ starting, cancelled)
        'starting',     -- an attempt has been begun                 (→ running, any terminal, queued)
        'running',      -- its kernel executes cells                 (→ any terminal, queued)
        'succeeded',    -- terminal
        'failed',       -- terminal
        'cancelled'     -- terminal
    )),
    version         INTEGER NOT NULL,                     -- seq of the last durable change
    attempt         INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    retries         INTEGER NOT NULL CHECK (retries >= 0),
    cancelling      INTEGER NOT NULL DEFAULT 0 CHECK (cancelling IN (0, 1)),
    not_before      REAL,
    failure         TEXT,                                 -- Failure

    spec            TEXT NOT NULL,                        -- JobSpec
    notebook        TEXT NOT NULL,                        -- absolute path of the source
    notebook_hash   TEXT NOT NULL,
    git_commit      TEXT,
    git_dirty       INTEGER,
    kernel          TEXT NOT NULL,                        -- Kernel
    cwd             TEXT NOT NULL,
    preload         TEXT NOT NULL,                        -- Preload: for warm parents
    outputs         TEXT NOT NULL,                        -- Outputs
    output_paths    TEXT NOT NULL,                        -- where the runner puts notebook and log
    warnings        TEXT NOT NULL,                        -- list of texts
    rerun_of        TEXT,

    created_at      REAL NOT NULL,
    started_at      REAL,                                 -- of the first attempt
    ended_at        REAL,
    duration        REAL,                                 -- of the last attempt, monotonic
    progress        TEXT NOT NULL DEFAULT '{}',           -- Progress as the last attempt left it
    last_output     TEXT NOT NULL DEFAULT '',
    metrics         TEXT NOT NULL DEFAULT '{}',
    tracking        TEXT NOT NULL DEFAULT '{}',           -- Tracking

    -- What tracking has to be told: everything up to `sync_wanted`; it was told up to `synced`.
    sync_wanted     INTEGER NOT NULL,
    synced          INTEGER NOT NULL DEFAULT 0,

    idempotency_key  TEXT UNIQUE,
    idempotency_body TEXT,                                -- sha256 of the request it came with

    CHECK ((idempotency_key IS NULL) = (idempotency_body IS NULL)),
    CHECK ((state IN ('succeeded', 'failed', 'cancelled')) = (ended_at IS NOT NULL)),
    CHECK (state NOT IN ('starting', 'running') OR (attempt >= 1 AND started_at IS NOT NULL)),
    CHECK (cancelling = 0 OR state IN ('starting', 'running')),
    CHECK (not_before IS NULL OR (state = 'queued' AND attempt >= 1)),
    CHECK ((state IN ('failed', 'cancelled')) = (failure IS NOT NULL))
);
CREATE INDEX jobs_by_age ON jobs (created_at, id);
CREATE INDEX jobs_by_version ON jobs (version);
CREATE INDEX jobs_by_notebook ON jobs (notebook);
CREATE INDEX jobs_alive ON jobs (created_at, id) WHERE state IN ('queued', 'starting', 'running');
CREATE INDEX jobs_to_sync ON jobs (sync_wanted) WHERE synced < sync_wanted;

-- A terminal state is final; attempt numbers only grow.
CREATE TRIGGER jobs_terminal_is_final BEFORE UPDATE OF state, attempt, ended_at, failure ON jobs
WHEN OLD.state IN ('succeeded', 'failed', 'cancelled')
BEGIN SELECT RAISE(ABORT, 'the job has ended'); END;
CREATE TRIGGER jobs_attempts_grow BEFORE UPDATE OF attempt ON jobs
WHEN NEW.attempt NOT IN (OLD.attempt, OLD.attempt + 1)
BEGIN SELECT RAISE(ABORT, 'attempt numbers count up by one'); END;

-- What each job was submitted with: 'notebook.ipynb', 'code/…', 'values.pkl'.
CREATE TABLE bundle_files (
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    path   TEXT NOT NULL CHECK (path <> ''),
    hash   TEXT NOT NULL REFERENCES blobs (hash),
    PRIMARY KEY (job_id, path)
) WITHOUT ROWID;
CREATE INDEX bundle_files_by_hash ON bundle_files (hash);

CREATE TABLE attempts (
    job_id      TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    number      INTEGER NOT NULL CHECK (number >= 1),
    state       TEXT NOT NULL CHECK (state IN (
        'starting', 'running', 'succeeded', 'failed', 'cancelled')),
    started_at  REAL NOT NULL,
    ended_at    REAL,
    failure     TEXT,
    peak_memory INTEGER,
    start       TEXT NOT NULL DEFAULT '{}',               -- WarmDetails
    gpus        TEXT NOT NULL DEFAULT '[]',               -- indices set aside for it
    PRIMARY KEY (job_id, number),
    CHECK ((state IN ('succeeded', 'failed', 'cancelled')) = (ended_at IS NOT NULL)),
    CHECK ((state IN ('failed', 'cancelled')) = (failure IS NOT NULL))
) WITHOUT ROWID;
-- At most one attempt of a job is alive.
CREATE UNIQUE INDEX attempts_alive ON attempts (job_id) WHERE state IN ('starting', 'running');
CREATE TRIGGER attempts_terminal_is_final BEFORE UPDATE ON attempts
WHEN OLD.state IN ('succeeded', 'failed', 'cancelled')
BEGIN SELECT RAISE(ABORT, 'the attempt has ended'); END;

-- Each job's story, written with the change itself. Rows of a job go with it; 'deleted' stays.
CREATE TABLE events (
    seq     INTEGER PRIMARY KEY,
    job_id  TEXT NOT NULL,
    at      REAL NOT NULL,
    type    TEXT NOT NULL,                                -- the new state, 'cancelling' or 'deleted'
    attempt INTEGER NOT NULL,
    detail  TEXT NOT NULL DEFAULT ''
);
CREATE INDEX events_by_job ON events (job_id, seq);
CREATE INDEX events_deleted ON events (seq) WHERE type = 'deleted';
