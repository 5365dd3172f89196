"""papermill's engine `mlops`: `papermill --engine mlops in.ipynb out.ipynb`.

papermill loads every registered engine when it is imported, in the middle of its own import, so
this module imports neither papermill nor the rest of the runner before it is used.
"""

from __future__ import annotations

from typing import Any


class MlopsEngine:
    """Executes a notebook that papermill has prepared; what papermill asks of an engine."""

    @classmethod
    def execute_notebook(cls, nb: Any, kernel_name: str, **options: Any) -> Any:
        """Execute `nb` and return it with its outputs; a cell's error is left in the notebook."""
        from jupyter_mlops.jobs.runner.papermill_run import execute

        return execute(nb, kernel_name, **options)

    @classmethod
    def nb_kernel_name(cls, nb: Any, name: str | None = None) -> str:
        """The kernel that `nb` asks for, or `name`."""
        from papermill.utils import nb_kernel_name

        return str(nb_kernel_name(nb, name))

    @classmethod
    def nb_language(cls, nb: Any, language: str | None = None) -> str:
        """The language of `nb`, or `language`."""
        from papermill.utils import nb_language

        return str(nb_language(nb, language))
