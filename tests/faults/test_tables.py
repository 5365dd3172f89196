"""The tables of faults and attacks name tests that exist, and name each number once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
REPOSITORY = TESTS.parent
ROW = re.compile(r"^\| (\d+|–) \| ([^|]+) \| (.+) \|$")


def rows(table: str) -> list[tuple[str, list[str]]]:
    """Number and named tests of each row."""
    lines = (TESTS / table / "README.md").read_text("utf-8").splitlines()
    found = [ROW.match(line) for line in lines if line.startswith("| ")]
    return [(row[1], re.findall(r"`([^`]+::[^`]+)`", row[3])) for row in found if row]


@pytest.mark.parametrize("table", ["faults", "attacks"])
def test_every_test_that_a_table_names_is_there(table: str) -> None:
    """By its file and its name."""
    found = rows(table)
    assert len(found) > 30
    missing = []
    for number, tests in found:
        assert tests, f"{table} {number} names no test"
        for test in tests:
            file, _, name = test.partition("::")
            path = (REPOSITORY if file.startswith("ui-tests/") else TESTS) / file
            text = path.read_text("utf-8") if path.exists() else ""
            if path.suffix == ".ts":
                there = f"test('{name}'" in text
            else:
                there = (
                    re.search(rf"^(?:async )?def {name}\(|^{name}\b", text, re.MULTILINE)
                    is not None
                )
            if not there:
                missing.append(test)
    assert missing == []


@pytest.mark.parametrize(("table", "last"), [("faults", 48), ("attacks", 47)])
def test_every_number_is_in_its_table_once(table: str, last: int) -> None:
    """In a row, or below it among those that aren't for here."""
    numbers = [int(number) for number, _ in rows(table) if number.isdigit()]
    assert numbers == sorted(set(numbers))
    text = (TESTS / table / "README.md").read_text("utf-8")
    rest = text[text.index("\nNot here") :]
    left = {int(number) for number in re.findall(r"(?<![\w/])\d+(?!\w)", rest)}
    assert left.isdisjoint(numbers)
    assert left | set(numbers) == set(range(1, last + 1))
