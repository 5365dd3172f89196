"""Verbs, their options, and the reading of a command line.

`argparse` costs more than the whole rest of the command line, and the table below is also what the
help and the test of the documentation walk.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jupyter_mlops.cli.console import one_line
from jupyter_mlops.errors import InvalidInput

PROGRAM = "jupyter mlops"


class Option:
    """One option: a flag, or with a `metavar` one that takes a value."""

    def __init__(self, names: str, summary: str, metavar: str = "", *, many: bool = False) -> None:
        """Names as in "-p --param": the long one, without its dashes, is the key."""
        self.names = tuple(names.split())
        self.summary = summary
        self.metavar = metavar
        self.many = many
        self.key = self.names[-1].lstrip("-")


class Argument:
    """One positional argument."""

    def __init__(self, metavar: str, *, required: bool = True, many: bool = False) -> None:
        self.metavar = metavar
        self.required = required
        self.many = many

    @property
    def usage(self) -> str:
        """As in a usage line."""
        text = f"{self.metavar}…" if self.many else self.metavar
        return text if self.required else f"[{text}]"


class Verb:
    """One verb; `handler` is "module:function" and imported when it is called."""

    def __init__(
        self,
        name: str,
        summary: str,
        handler: str,
        arguments: Sequence[Argument] = (),
        options: Sequence[Option] = (),
        examples: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.summary = summary
        self.handler = handler
        self.arguments = tuple(arguments)
        self.options = (*options, *COMMON)
        self.examples = tuple(examples)

    @property
    def usage(self) -> str:
        """The usage line."""
        words = [PROGRAM, self.name, *(a.usage for a in self.arguments), "[options]"]
        return " ".join(words)


#: Every verb has these; they may also stand before the verb.
COMMON = (
    Option("--json", "one JSON document on stdout instead of text"),
    Option("--debug", "show the traceback of an unexpected error"),
    Option("-h --help", "show this help"),
)


class Given:
    """What a command line said, by the options' long names."""

    def __init__(self, verb: Verb) -> None:
        self.verb = verb
        self.positional: list[str] = []
        self._values: dict[str, list[str]] = {}

    def add(self, key: str, value: str) -> None:
        """Note a value of an option; a flag's is empty."""
        self._values.setdefault(key, []).append(value)

    def flag(self, key: str) -> bool:
        """Whether an option was given at all."""
        return key in self._values

    def text(self, key: str) -> str | None:
        """An option's value, the last one when it was given twice."""
        values = self._values.get(key)
        return values[-1] if values else None

    def many(self, key: str) -> list[str]:
        """All values of an option, in their order."""
        return self._values.get(key, [])


def parse(verb: Verb, words: Iterable[str]) -> Given:
    """Read what follows a verb.

    Raises:
        InvalidInput: an unknown option, a missing value or argument, one too many.
    """
    given = Given(verb)
    by_name = {name: option for option in verb.options for name in option.names}
    rest = iter(words)
    for word in rest:
        if word == "--":
            given.positional.extend(rest)
        elif word.startswith("-") and word != "-":
            option, value = _option(verb, by_name, word)
            if not option.metavar:
                if value is not None:
                    raise wrong(verb, f"{option.names[-1]} takes no value.")
                value = ""
            elif value is None:
                value = next(rest, None)
                if value is None:
                    raise wrong(verb, f"{word} needs a value: {word} {option.metavar}.")
            given.add(option.key, value)
        else:
            given.positional.append(word)
    if not given.flag("help"):
        _check_arguments(verb, given)
    return given


def _option(verb: Verb, by_name: dict[str, Option], word: str) -> tuple[Option, str | None]:
    name, equals, value = word.partition("=")
    if word.startswith("--"):
        if name in by_name:
            return by_name[name], value if equals else None
        raise wrong(verb, f"{verb.name} has no option {name}.{_near(name, by_name)}")
    if word in by_name:
        return by_name[word], None
    if (option := by_name.get(word[:2])) and option.metavar:
        return option, word[2:].removeprefix("=")
    near = _near(f"-{name}", by_name)
    raise wrong(verb, f"{verb.name} has no option {name}.{near}")


def _check_arguments(verb: Verb, given: Given) -> None:
    wanted = verb.arguments
    for argument in wanted[len(given.positional) :]:
        if argument.required:
            raise wrong(verb, f"{verb.name} needs {argument.metavar}.")
    if len(given.positional) > len(wanted) and not (wanted and wanted[-1].many):
        extra = given.positional[len(wanted)]
        raise wrong(verb, f"{verb.name} doesn't take {extra!r}.")


def _near(word: str, known: Iterable[str]) -> str:
    import difflib  # only for a mistake

    found = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean {found[0]}?" if found else ""


def find_verb(
    words: Sequence[str], verbs: Sequence[Verb], program: str = PROGRAM
) -> tuple[Verb, list[str]]:
    """The verb that `words` begin with, of one word or two, and the words behind it.

    Raises:
        InvalidInput: there is none; names the closest.
    """
    two = " ".join(words[:2])
    for verb in verbs:
        if verb.name == two:
            return verb, list(words[2:])
        if verb.name == words[0]:
            return verb, list(words[1:])
    family = [verb.name for verb in verbs if verb.name.startswith(f"{words[0]} ")]
    if family:
        asked = [word for word in words[1:] if word not in ("-h", "--help")]
        if len(asked) < len(words) - 1:
            about = next(verb for verb in verbs if verb.name == "help")
            return about, [words[0], *asked]
        raise InvalidInput(
            f"{words[0]} needs to know what to do.", hint=f"One of: {', '.join(family)}."
        )
    raise InvalidInput(
        f"There is no verb {one_line(words[0])[:80]!r}.{near_verb(words[0], verbs)}",
        hint=f"`{program} help` lists them.",
    )


def near_verb(word: str, verbs: Iterable[Verb]) -> str:
    """A question about the verb that is closest to `word`; empty when none is close."""
    return _near(word, [verb.name for verb in verbs])


def wrong(verb: Verb, detail: str) -> InvalidInput:
    """The error of a command line that can't be used."""
    return InvalidInput(detail, hint=f"`{PROGRAM} {verb.name} --help` shows how it is used.")
