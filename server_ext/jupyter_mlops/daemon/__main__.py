"""`python -m jupyter_mlops.daemon`: be the daemon of this user, unless there is one.

Exit codes: 0 it left, or another one is there; otherwise that of the error on stderr.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys

from jupyter_mlops import paths
from jupyter_mlops.daemon import logs
from jupyter_mlops.errors import MlopsError

#: Seconds after which a thread that computes lets another have its turn.
_TURN = 0.0005


def main() -> int:
    """Run the daemon; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m jupyter_mlops.daemon", description=__doc__)
    parser.add_argument(
        "--foreground", action="store_true", help="log to stderr instead of the log file"
    )
    options = parser.parse_args()
    try:
        os.umask(0o077)
        paths.private_dir(paths.data_dir())
        from jupyter_mlops.daemon import run

        lock = run.acquire_lock()
        if lock is None:
            return 0
        try:
            found = run.load_settings()
            logs.configure(None if options.foreground else paths.daemon_log(), found.log_level)
            # Threads read files and stores for the loop: with the usual 5 ms each of them waits
            # that long for its turn whenever the loop is busy, and so does the loop for theirs.
            sys.setswitchinterval(_TURN)
            asyncio.run(run.serve(found, lock))
        finally:
            lock.release()
    except MlopsError as error:
        sys.stderr.write(f"{error.detail} {error.hint}".strip() + "\n")
        return error.exit_code
    except OSError as error:
        sys.stderr.write(f"The daemon failed: {error}\n")
        return MlopsError.exit_code
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    ended_with = main()
    logging.shutdown()
    sys.stderr.flush()
    # Everything of ours has ended; threads that MLflow has left behind are not waited for.
    os._exit(ended_with)
