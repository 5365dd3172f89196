"""The verbs of `jupyter mlops`. docs/cli.md has a section a verb; a test compares the two."""

from __future__ import annotations

from jupyter_mlops.cli.options import Argument, Option, Verb

_PARAM = Option(
    "-p --param",
    "a parameter; its type is the one that the notebook declares, else read as JSON",
    "NAME=VALUE",
    many=True,
)
_FILE = Option("-f --file", "parameters from a YAML or JSON file; -p wins", "FILE", many=True)
_ENV = Option(
    "--env",
    "an environment variable; with the name alone it is taken over from the daemon, never stored",
    "NAME[=VALUE]",
    many=True,
)
_NAME = Option("--name", "name of the job; the notebook's when left out", "NAME")
_RETRIES = Option("--retries", "new attempts after a failure (0 to 20)", "N")
_TIMEOUT = Option("--timeout", "limit for one attempt: 90, 30m, 2h, 1d", "DURATION")
_DETACH = Option("-d --detach", "return when the job is accepted; print its id")
_QUIET = Option("-q --quiet", "no progress; only how it ended")
_WAIT_HTML = Option(
    "--wait-html",
    "end only when the HTML is written and MLflow is up to date, 15 s at most; "
    "on a terminal always",
)
_JOB = Argument("JOB")

VERBS = (
    Verb(
        "run",
        "Run a notebook as a job and follow it",
        "run:run",
        [Argument("NOTEBOOK")],
        [
            _PARAM,
            _FILE,
            _NAME,
            _RETRIES,
            _TIMEOUT,
            _ENV,
            Option("--kernel", "kernelspec; the notebook's own when left out", "NAME"),
            Option("--experiment", "MLflow experiment; the notebook's name when left out", "NAME"),
            Option("--tag", "a tag of the job and its MLflow run", "NAME=VALUE", many=True),
            Option("--cpus", "CPUs that it needs (1)", "N"),
            Option("--memory", "memory limit: 512M, 2G", "SIZE"),
            Option("--gpus", "GPUs that it needs (0)", "N"),
            Option("--output-dir", 'results go below here; "jobs" beside the notebook', "DIR"),
            Option("--cold", "start a fresh kernel instead of forking a warm one"),
            Option("--idempotency-key", "the same key never makes a second job", "KEY"),
            _DETACH,
            _QUIET,
            _WAIT_HTML,
        ],
        [
            "jupyter mlops run train.ipynb -p lr=0.1 -p layers='[64, 64]'",
            "jupyter mlops run train.ipynb -f params.yaml --retries 2 --timeout 30m --detach",
        ],
    ),
    Verb(
        "jobs",
        "List jobs, newest first",
        "jobs:list_jobs",
        [],
        [
            Option(
                "--state",
                "only these: queued, starting, running, succeeded, failed, cancelled",
                "STATE",
                many=True,
            ),
            Option("--name", "only jobs with this in their name", "TEXT"),
            Option("--notebook", "only jobs of this notebook", "PATH"),
            Option("--limit", "at most so many (20)", "N"),
        ],
        ["jupyter mlops jobs --state running --state queued"],
    ),
    Verb("show", "Everything about a job", "jobs:show", [_JOB], [], ["jupyter mlops show @last"]),
    Verb(
        "logs",
        "What a job printed",
        "logs:logs",
        [_JOB],
        [
            Option("-f --follow", "go on until the job has ended"),
            Option("--attempt", "of this attempt; the current one when left out", "N"),
            Option("-n --tail", "only the last so many lines", "N"),
        ],
        ["jupyter mlops logs -f 3f2a"],
    ),
    Verb(
        "attach",
        "Follow a job as `run` does",
        "run:attach",
        [_JOB],
        [_QUIET, _WAIT_HTML],
        ["jupyter mlops attach @last"],
    ),
    Verb(
        "cancel",
        "Cancel jobs that wait or run; what they have written stays",
        "jobs:cancel",
        [Argument("JOB", many=True)],
        [],
        ["jupyter mlops cancel 3f2a 91c0"],
    ),
    Verb(
        "rerun",
        "Run a job again, with changes",
        "run:rerun",
        [_JOB],
        [
            _PARAM,
            _FILE,
            _NAME,
            _RETRIES,
            _TIMEOUT,
            Option("--env", "an environment variable to add or change", "NAME=VALUE", many=True),
            Option("--latest", "the notebook as it is now instead of the job's own snapshot"),
            _DETACH,
            _QUIET,
            _WAIT_HTML,
        ],
        ["jupyter mlops rerun 3f2a -p lr=0.2 --latest"],
    ),
    Verb(
        "delete",
        "Delete jobs that have ended; their executed notebooks stay",
        "jobs:delete",
        [Argument("JOB", many=True)],
        [Option("-y --yes", "don't ask")],
        ["jupyter mlops delete 3f2a --yes"],
    ),
    Verb("daemon status", "Whether the daemon runs, and with what load", "daemon:status"),
    Verb("daemon start", "Start the daemon if it doesn't run", "daemon:start"),
    Verb("daemon stop", "Stop the daemon; jobs go on", "daemon:stop"),
    Verb("daemon restart", "Start the daemon anew; jobs go on", "daemon:restart"),
    Verb("doctor", "Check the installation and say how to mend it", "doctor:doctor"),
    Verb(
        "help",
        "Help, of a verb too",
        "help:show_help",
        [Argument("VERB", required=False, many=True)],
    ),
)
