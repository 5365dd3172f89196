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
_LIMIT = Option("--limit", "at most so many (20)", "N")

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
            _LIMIT,
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
    Verb(
        "experiments",
        "List experiments, the one worked at last first",
        "runs:experiments",
        [Argument("WORD", required=False, many=True)],
        [_LIMIT],
        ["jupyter mlops experiments churn"],
    ),
    Verb(
        "runs",
        "List runs of experiments, newest first",
        "runs:runs",
        [],
        [
            Option(
                "--experiment", "only runs of this experiment, by name or id", "NAME", many=True
            ),
            Option(
                "--filter",
                "only these: MLflow's filter syntax, plain words, or both",
                "FILTER",
                many=True,
            ),
            Option(
                "--sort", "order by metrics.NAME, params.NAME, …; :desc turns it", "KEY", many=True
            ),
            Option("--columns", "show these: metrics.acc,params.lr,tags.team", "KEYS", many=True),
            _LIMIT,
        ],
        [
            "jupyter mlops runs --experiment churn --sort metrics.acc:desc --columns params.lr",
            'jupyter mlops runs --filter "resnet metrics.acc > 0.9"',
        ],
    ),
    Verb(
        "describe",
        "Everything about a run",
        "runs:describe",
        [Argument("RUN")],
        [],
        ["jupyter mlops describe 6f1c"],
    ),
    Verb(
        "compare",
        "Where runs differ; what is the same in all is only counted",
        "runs:compare",
        [Argument("RUN", many=True)],
        [
            Option("--notebook", "of two runs: their notebooks, cell by cell"),
            Option("--packages", "of two runs: the packages of their interpreters"),
            Option("--code", "of two runs: commits, uncommitted changes, modules"),
            Option("--data", "of two runs: the files and datasets that they read"),
        ],
        ["jupyter mlops compare 6f1c 91ab", "jupyter mlops compare 6f1c 91ab --notebook --data"],
    ),
    Verb(
        "report",
        "Write a report on runs: a notebook to send, that needs no server",
        "reports:report",
        [Argument("RUN", required=False, many=True)],
        [
            Option("-o --output", "the file; report-TITLE.ipynb here when left out", "FILE"),
            Option("--html", "write it as a page beside the notebook too"),
            Option("--title", "its title; the experiments' names when left out", "TEXT"),
            Option(
                "--metric",
                "draw this one; those with several points when left out",
                "NAME",
                many=True,
            ),
            Option(
                "--experiment", "without RUN: of this experiment, by name or id", "NAME", many=True
            ),
            Option("--filter", "without RUN: only these, as for `runs`", "FILTER", many=True),
            Option("--sort", "without RUN: in this order, as for `runs`", "KEY", many=True),
            _LIMIT,
            Option("--force", "write over files that are there"),
        ],
        [
            "jupyter mlops report 6f1c 91ab -o report.ipynb --html",
            "jupyter mlops report --experiment churn --filter 'metrics.acc > 0.9' --limit 10",
        ],
    ),
    Verb(
        "reproduce",
        "Run a run again as it was, and compare the two",
        "reproduce:reproduce",
        [Argument("RUN")],
        [
            Option(
                "--tolerance",
                "how far numbers may be away; of one metric with its name (1e-6)",
                "[METRIC=]T",
                many=True,
            ),
            Option("--ignore", "don't compare this metric", "METRIC", many=True),
            Option("--keep", "keep the folder that it ran in"),
            Option("--check", "only say whether it could be, and what would make it so"),
            Option("--list", "only list how it came out before"),
            Option("--cancel", "cancel the ones of this run that are under way"),
            Option("-d --detach", "return when it is accepted; print its id"),
            _QUIET,
        ],
        [
            "jupyter mlops reproduce 6f1c --tolerance 1e-4 --ignore seconds",
            "jupyter mlops reproduce @last --check",
        ],
    ),
    Verb(
        "clean",
        "Remove rebuilt environments and copies of data that nobody needs",
        "clean:clean",
        options=[
            Option(
                "--needed-copies",
                "copies that runs need as well; these can't be reproduced from them then",
            ),
            Option("--unused-for", "only what was not used for so long: 12h, 30d", "DURATION"),
            Option("-n --dry-run", "only say what would go"),
        ],
        examples=["jupyter mlops clean --dry-run", "jupyter mlops clean --unused-for 30d"],
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
