"""`python -m jupyter_mlops.jobs.runner <attempt directory>`."""

from jupyter_mlops.jobs.runner.main import main

main()
