"""Numbers of two runs compared."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_mlops.converters.tolerance import (
    Points,
    Tolerance,
    metric_differences,
    prediction_difference,
    series_difference,
)

EXACT = Tolerance(0.0)


@pytest.mark.parametrize(
    ("before", "now", "allowed"),
    [
        (1.0, 1.0 + 1e-9, True),
        (1.0, 1.001, False),
        (1e9, 1e9 + 100, True),
        (0.0, 1e-7, True),
        (0.0, 1e-3, False),
        ("NaN", "NaN", True),
        ("NaN", 0.0, False),
        ("Infinity", "Infinity", True),
        ("Infinity", "-Infinity", False),
        ("Infinity", 1e308, False),
        (-2.0, 2.0, False),
    ],
)
def test_within_the_tolerance(before: Any, now: Any, allowed: bool) -> None:
    """Relative for large numbers, absolute for small ones; what is no number is itself."""
    assert Tolerance().allows("a", before, now) is allowed


def test_metrics_that_differ_are_named() -> None:
    """By how much; those that only one run has, too; ignored ones never."""
    tolerance = Tolerance(1e-6, {"loose": 0.5}, {"seconds"})
    before = {"accuracy": 0.934, "loose": 1.0, "seconds": 3.0, "gone": 1.0, "same": 2.0}
    now = {"accuracy": 0.912, "loose": 1.2, "seconds": 9.0, "new": 1.0, "same": 2.0}
    assert [one.text for one in metric_differences(before, now, tolerance)] == [
        "accuracy: 0.912, was 0.934",
        "gone: missing, was 1",
        "new: 1, there was none",
    ]


def test_differences_show_as_many_digits_as_it_takes() -> None:
    """Two numbers that differ never look the same."""
    (one,) = metric_differences({"a": 0.1234567891}, {"a": 0.1234567892}, EXACT)
    assert one.text == "a: 0.1234567892, was 0.1234567891"


def test_series_differ_at_a_step() -> None:
    """In a value, a step that is missing, or their number."""
    before = Points([1, 2, 3], [1.0, 0.5, 0.25], 3)
    assert series_difference("a", before, before, EXACT) is None
    other = series_difference("a", before, Points([1, 2, 3], [1.0, 0.75, 0.25], 3), EXACT)
    assert other is not None
    assert other.text == "a at step 2: 0.75, was 0.5"
    short = series_difference("a", before, Points([1, 2], [1.0, 0.5], 2), EXACT)
    assert short is not None
    assert short.text == "a at step 3: missing, was 0.25"
    longer = series_difference("a", before, Points([1, 2, 3, 4], [1.0, 0.5, 0.25, 0.1], 4), EXACT)
    assert longer is not None
    assert longer.text == "number of points of a at step 4: 4, was 3"


@pytest.mark.parametrize(
    ("before", "now", "text"),
    [
        ([[1.0, 2.0]], [[1.0, 2.0]], None),
        ([1.0, 2.0], [1.0, 2.5], "1 of 2 values differ, by 0.5 at most"),
        (["a", "b"], ["a", "c"], "1 of 2 values differ"),
        ([1, 2], [1], "they have another shape"),
        ({"x": [1]}, {"y": [1]}, "they have another shape"),
        ({"x": [float("nan")]}, {"x": [float("nan")]}, None),
        ([[1]], [1], "1 of 1 values differ"),
    ],
)
def test_predictions(before: Any, now: Any, text: str | None) -> None:
    """Whatever JSON has them as."""
    found = prediction_difference(before, now, Tolerance())
    assert (found.text if found.different or found.shape else None) == text
