"""What a run lacks, told in advance."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_mlops.converters.reproducible import lacks

WHOLE: dict[str, Any] = {
    "complete": True,
    "values": False,
    "code": {"commit": "abc", "submodules": []},
    "local_packages": [],
    "outside": [],
    "datasets": {
        "files": [{"path": "/w/d.csv", "sha256": "0" * 64, "versioned": "git"}],
        "more": 0,
    },
    "seeds": {"calls": [{"function": "random.seed", "seed": 1}], "drawn": []},
    "random": [],
    "history": {"cells": [{"index": 0, "edited": False, "out_of_order": False}]},
}


def codes(**changes: Any) -> list[str]:
    """What is missing when this is so."""
    return [one.code for one in lacks(WHOLE | changes)]


def test_a_run_that_has_everything_lacks_nothing() -> None:
    """Nor does one outside of any repository: its code is kept with it."""
    assert lacks(WHOLE) == []
    assert codes(code=None) == []


def a_call(function: str, seed: Any) -> dict[str, Any]:
    """As the kernel notes it."""
    return {"function": function, "seed": seed}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"complete": False}, "facts_incomplete"),
        ({"notebook": None}, "no_notebook"),
        ({"code": {"submodules": [{"path": "s", "state": "another commit"}]}}, "dirty_submodule"),
        ({"outside": ["/opt/mine/m.py"]}, "code_outside"),
        ({"values": True}, "values"),
        ({"local_packages": None}, "packages_unknown"),
        ({"local_packages": [{"name": "m", "version": "1", "url": "file:///m"}]}, "local_package"),
        ({"datasets": None}, "data_unknown"),
        ({"datasets": {"files": [{"path": "/d", "note": "too large"}]}}, "data_unhashed"),
        ({"datasets": {"files": [{"path": "/d", "sha256": "0"}]}}, "data_unversioned"),
        ({"datasets": {"files": [], "more": 3}}, "data_uncounted"),
        ({"seeds": {"calls": [], "drawn": ["numpy.random"]}}, "no_seed"),
        ({"seeds": {"calls": [a_call("numpy.random.default_rng", None)]}}, "no_seed"),
        ({"random": ["torch"]}, "no_seed"),
        ({"history": {"cells": [{"index": 1, "edited": True, "out_of_order": False}]}},
         "cell_edited"),
        ({"history": {"cells": [{"index": 1, "edited": False, "out_of_order": True}]}},
         "cell_out_of_order"),
    ],
)  # fmt: skip
def test_each_lack_is_told_with_what_mends_it(changes: dict[str, Any], expected: str) -> None:
    """Alone, and with words."""
    (found,) = lacks(WHOLE | changes)
    assert found.code == expected
    assert found.what.endswith(".")
    assert found.mend.endswith((".", "…"))
    assert found.to_json().keys() == {"code", "what", "mend", "then"}


def test_what_is_mended_is_lacking_no_more() -> None:
    """An editable package of which nothing was imported; a generator seeded after all."""
    unused = {"name": "m", "version": "1", "url": "file:///m", "editable": True, "used": False}
    assert codes(local_packages=[unused]) == []
    calls = [a_call("numpy.random.seed", None), a_call("numpy.random.seed", 1)]
    assert codes(seeds={"calls": calls, "drawn": []}) == []
    assert codes(random=["torch"], seeds={"calls": [a_call("torch.manual_seed", 0)]}) == []


def test_many_names_are_counted() -> None:
    """The text stays one that can be read."""
    files = [{"path": f"/data/{n}", "sha256": "0"} for n in range(1000)]
    (found,) = lacks(WHOLE | {"datasets": {"files": files}})
    assert "and 995 more" in found.what


def test_what_failed_can_fail_again_by_a_cells_error_only() -> None:
    """Not what the machine has ended."""
    failed = {"status": "failed", "failure": {"code": "cell_failed"}}
    assert codes(**failed) == []
    for changes in (
        {"status": "failed", "failure": {"code": "out_of_memory"}},
        {"status": "failed"},
        {"status": "cancelled"},
    ):
        (found,) = lacks(WHOLE | changes)
        assert (found.code, found.then) == ("not_finished", "cannot")
        assert found.what.endswith(".")


def test_other_kernels_lack_what_only_python_tells() -> None:
    """One sentence, not one for each thing that nobody watched; code is another matter."""
    kernel = {"name": "shell", "display_name": "Bash", "language": "bash"}
    (found,) = lacks({"kernel": kernel, "status": "succeeded", "code": None})
    assert (found.code, found.then) == ("kernel_not_python", "while_there")
    assert "Bash" in found.what
    code = {"submodules": [{"path": "s", "state": "another commit"}]}
    listed = [one.code for one in lacks({"kernel": kernel, "code": code})]
    assert listed == ["dirty_submodule", "kernel_not_python"]
