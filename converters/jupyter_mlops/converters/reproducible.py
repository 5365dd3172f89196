"""What a run lacks for an exact reproduction, told in advance from what was recorded. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

_NAMED = 5


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that is missing, and what would mend it."""

    code: str
    what: str
    mend: str
    #: What a reproduction comes to because of it: one of the three below.
    then: str

    def to_json(self) -> dict[str, str]:
        """As it is recorded."""
        return asdict(self)


#: It can't be made.
CANNOT = "cannot"
#: It can be made as long as what is missing is still where it was, unchanged.
WHILE_THERE = "while_there"
#: It can be made, and may come out otherwise.
MAY_DIFFER = "may_differ"


def lacks(facts: Mapping[str, Any]) -> list[Lack]:
    """Everything that keeps a run with these facts (`mlops/facts.json`) from being reproduced
    exactly; empty when nothing does.
    """
    if not is_python(facts):
        return [*_of_ending(facts), *_of_code(facts), _of_kernel(facts)]
    return [
        *_of_ending(facts),
        *_of_recording(facts),
        *_of_code(facts),
        *_of_packages(facts),
        *_of_data(facts),
        *_of_seeds(facts.get("seeds") or {}, facts.get("random") or ()),
        *_of_cells(facts),
    ]


def is_python(facts: Mapping[str, Any]) -> bool:
    """Whether its kernel is one of Python; an interactive run's always is."""
    return str((facts.get("kernel") or {}).get("language") or "python").lower() == "python"


def failed_in_cell(facts: Mapping[str, Any]) -> bool:
    """Whether it ended with an error of a cell: what can fail again in the same way."""
    return (facts.get("failure") or {}).get("code") == "cell_failed"


def _of_ending(facts: Mapping[str, Any]) -> list[Lack]:
    status = facts.get("status")
    if status in (None, "succeeded") or (status == "failed" and failed_in_cell(facts)):
        return []
    code = str((facts.get("failure") or {}).get("code") or "")
    if status == "failed" and code:
        what = f"It was ended by something else than a cell's error: {code.replace('_', ' ')}."
    else:
        what = f"The run has {status}." if status == "failed" else f"The run was {status}."
    return [Lack("not_finished", what, "Mend what it failed of, and run it to its end.", CANNOT)]


def _of_kernel(facts: Mapping[str, Any]) -> Lack:
    kernel = facts.get("kernel") or {}
    named = kernel.get("display_name") or kernel.get("name") or kernel.get("language")
    return Lack(
        "kernel_not_python",
        f"Its kernel, {named}, is not one of Python: its packages and the files that it read are "
        "not known, and its environment can't be rebuilt.",
        "Keep the kernel as it is and the files in a git repository: its commit is laid out, and "
        "nothing besides.",
        WHILE_THERE,
    )


def _of_recording(facts: Mapping[str, Any]) -> list[Lack]:
    if "notebook" in facts and facts["notebook"] is None:
        return [
            Lack(
                "no_notebook",
                "It was logged without a notebook: there is nothing that could be run again.",
                "Log from a saved notebook, or run one as a job.",
                CANNOT,
            )
        ]
    if facts.get("complete"):
        return []
    return [
        Lack(
            "facts_incomplete",
            "The kernel ended before it could say all that it had used.",
            "Run it to its end.",
            CANNOT,
        )
    ]


def _of_code(facts: Mapping[str, Any]) -> list[Lack]:
    code = facts.get("code") or {}
    found: list[Lack] = []
    if submodules := code.get("submodules"):
        named = _listed([f"{one['path']} ({one['state']})" for one in submodules])
        found.append(
            Lack(
                "dirty_submodule",
                f"A submodule differs from the commit: {named}.",
                "Commit and push inside the submodule, then commit the submodule here.",
                CANNOT,
            )
        )
    if edited := code.get("changed_since_start"):
        found.append(
            Lack(
                "code_changed",
                f"Modules were edited while the run went on: {_listed(edited)}.",
                "Start the run once the code is as it should be, or run the notebook as a job.",
                MAY_DIFFER,
            )
        )
    if outside := facts.get("outside"):
        found.append(
            Lack(
                "code_outside",
                f"Modules were imported from outside of the notebook's folder: {_listed(outside)}.",
                "Put them beside the notebook, or install them as a package.",
                WHILE_THERE,
            )
        )
    if facts.get("values"):
        found.append(
            Lack(
                "values",
                "Variables were taken along from another session; they are not kept.",
                "Compute them in the notebook, or give them as parameters.",
                CANNOT,
            )
        )
    if unknown := facts.get("variables_unknown"):
        found.append(
            Lack(
                "variables_unknown",
                f"Values of environment variables are not recorded: {_listed(unknown)}.",
                "Record them, unless they are secrets: the setting attempts.facts.variables.",
                MAY_DIFFER,
            )
        )
    return found


def _of_packages(facts: Mapping[str, Any]) -> list[Lack]:
    packages = facts.get("local_packages")
    if packages is None:
        return [
            Lack(
                "packages_unknown",
                "The packages of its interpreter are not known.",
                "Run it again; the daemon's log says why they could not be listed.",
                CANNOT,
            )
        ]
    # Of an editable package it is known whether anything was imported from it.
    used = [one for one in packages if one.get("used", True)]
    if not used:
        return []
    named = _listed([f"{one['name']} {one['version']}" for one in used])
    return [
        Lack(
            "local_package",
            f"Packages were installed from a path of this machine: {named}.",
            "Install them from an index, or from a git repository: pip install git+https://…",
            WHILE_THERE,
        )
    ]


def _of_data(facts: Mapping[str, Any]) -> list[Lack]:
    data = facts.get("datasets")
    if data is None:
        return [
            Lack(
                "data_unknown",
                "The files that it read were not recorded.",
                "Turn their recording on: the setting attempts.facts.datasets, and the variable "
                "JUPYTER_MLOPS_DATASETS of the job.",
                CANNOT,
            )
        ]
    found: list[Lack] = []
    files = data.get("files", ())
    if without := [one["path"] for one in files if "sha256" not in one]:
        found.append(
            Lack(
                "data_unhashed",
                f"The content of data is not known: {_listed(without)}.",
                "Let files be while they are read, and raise attempts.facts.hash_limit for large "
                "ones.",
                CANNOT,
            )
        )
    if loose := [one["path"] for one in files if "sha256" in one and not _kept(one)]:
        found.append(
            Lack(
                "data_unversioned",
                f"Data is under no version control, and no copy was kept: {_listed(loose)}.",
                "Keep it where its content can be had again by its hash: commit it to git, or "
                "raise attempts.facts.keep_limit so that a copy is kept.",
                WHILE_THERE,
            )
        )
    if data.get("more"):
        found.append(
            Lack(
                "data_uncounted",
                f"It read {data['more']} more files than are told one by one.",
                "Put them into fewer files.",
                CANNOT,
            )
        )
    return found


def _of_seeds(seeds: Mapping[str, Any], libraries: Any) -> list[Lack]:
    calls = seeds.get("calls", ())
    given = {call["function"] for call in calls if call["seed"] is not None}
    loose = list(seeds.get("drawn", ()))
    # A global generator may be seeded again; every generator made from nothing is one.
    made = {call["function"] for call in calls if call["seed"] is None}
    loose += sorted(name for name in made if name not in given or name.endswith("default_rng"))
    loose += [
        name for name in libraries if not any(function.startswith(name) for function in given)
    ]
    if not loose:
        return []
    return [
        Lack(
            "no_seed",
            f"Random numbers came from what nothing had seeded: {_listed(loose)}.",
            "Set a seed before they are drawn: random.seed(0), numpy.random.seed(0), "
            "numpy.random.default_rng(0), torch.manual_seed(0).",
            MAY_DIFFER,
        )
    ]


def _of_cells(facts: Mapping[str, Any]) -> list[Lack]:
    cells = (facts.get("history") or {}).get("cells", ())
    found: list[Lack] = []
    again = "Restart the kernel and run all cells, or run the notebook as a job."
    # A session's executions are done again one by one, whatever stands in its cells by now.
    session = "executions" in facts
    if edited := [str(cell["index"] + 1) for cell in cells if cell["edited"]]:
        what = f"Cells were edited after they ran: {_listed(edited)}."
        found.append(Lack("cell_edited", what, again, MAY_DIFFER if session else CANNOT))
    known = {cell.get("hash") for cell in cells} | (facts.get("sources") or {}).keys()
    if gone := [one for one in facts.get("executions") or () if one["hash"] not in known]:
        counts = _listed([str(one.get("count")) for one in gone])
        what = f"Code ran whose source is not known: [{counts}]."
        found.append(Lack("cell_gone", what, f"Save the notebook. {again}", CANNOT))
    if disordered := [str(cell["index"] + 1) for cell in cells if cell["out_of_order"]]:
        what = f"Cells ran before others further up did: {_listed(disordered)}."
        found.append(Lack("cell_out_of_order", what, again, MAY_DIFFER))
    return found


def _kept(file: Mapping[str, Any]) -> bool:
    return bool(file.get("versioned") or file.get("kept"))


def _listed(names: Any) -> str:
    named = [str(name) for name in names]
    shown = ", ".join(named[:_NAMED])
    return shown if len(named) <= _NAMED else f"{shown} and {len(named) - _NAMED} more"
