"""Environment variables that change what a notebook computes. Secrets never: only names listed."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

#: Names, and beginnings of names (with a `*`).
RECORDED = (
    *("CUDA_VISIBLE_DEVICES", "CUDA_LAUNCH_BLOCKING", "CUBLAS_WORKSPACE_CONFIG"),
    *("NVIDIA_VISIBLE_DEVICES", "OMP_*", "OPENBLAS_*", "MKL_*", "BLIS_*", "VECLIB_*", "NUMEXPR_*"),
    *("PYTHONHASHSEED", "TF_DETERMINISTIC_OPS", "XLA_FLAGS", "TZ", "LANG", "LANGUAGE", "LC_*"),
)
_SECRET = re.compile(
    r"TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE", re.IGNORECASE
)
_SECRET_WORD = re.compile(r"(?i)(--?[\w.-]*(?:token|secret|passw|key)[\w.-]*)=.*")
_VALUE_MOST = 1000


def recorded(environment: Mapping[str, str], more: Collection[str] = ()) -> dict[str, str]:
    """Those of `RECORDED` and `more`, unless they are called like a secret."""
    wanted = (*RECORDED, *more)
    exact = {name for name in wanted if not name.endswith("*")}
    starts = tuple(name[:-1] for name in wanted if name.endswith("*") and len(name) > 1)
    names = (name for name in sorted(environment) if name in exact or name.startswith(starts))
    return {
        name: value[:_VALUE_MOST]
        for name in names
        # A thread asks: the notebook may have taken it away meanwhile.
        if not _SECRET.search(name) and (value := environment.get(name)) is not None
    }


def shown_arguments(argv: Sequence[str]) -> list[str]:
    """A command line without the values of options that are called like a secret."""
    return [_SECRET_WORD.sub(r"\1=…", word)[:_VALUE_MOST] for word in argv]
