"""A parameter as a notebook declares it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

ParameterType = Literal["int", "float", "bool", "str", "list", "dict", "none", "unknown"]


@dataclass(frozen=True, slots=True)
class Declared:
    """One parameter that a notebook declares."""

    name: str
    type: ParameterType
    #: As JSON can say it; None where the default is an expression (`literal` is False then).
    default: Any
    #: The default as written.
    default_source: str
    #: Whether `default` holds what the source would assign.
    literal: bool
    help: str = ""
    #: Whether the notebook says the type, rather than the default having it.
    annotated: bool = False
    #: Whether None is a value of the annotated type.
    optional: bool = False
