"""`lint-imports` for one package in three source roots.

import-linter asks importlib where `jupyter_mlops` lies, which names server_ext/ only: the other
two roots join through `extend_path` when the package is imported. So it is imported first, and
its spec is told.
"""

import sys

from importlinter.cli import lint_imports_command

import jupyter_mlops

spec = jupyter_mlops.__spec__
assert spec is not None
assert spec.submodule_search_locations is not None
spec.submodule_search_locations[:] = jupyter_mlops.__path__
sys.exit(lint_imports_command())
