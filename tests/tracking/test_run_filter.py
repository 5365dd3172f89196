"""Filters mean what they mean to MLflow; what can't be read is told with its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jupyter_mlops import paths
from jupyter_mlops.errors import InvalidInput
from jupyter_mlops.tracking import mlflow_syntax, run_query
from jupyter_mlops.tracking.run_filter import Comparison, Entity, Key, Word, parse, parse_key
from jupyter_mlops.tracking.run_order import parse_order
from jupyter_mlops.tracking.run_page import run_query as asked

from .mlops_logged import reading

FILTERS = [
    "",
    "metrics.acc > 0.5",
    "metrics.acc >= 0.9 and params.lr = '0.1'",
    "metric.acc < 0.9",
    "metrics.acc <= -0.25",
    "metrics.acc = 0.9 AND metrics.`val/loss` > 0.1",
    "metrics.acc != 0.9",
    "metrics.acc != 0",
    "metrics.acc > -1",
    "metrics.acc > -1e3",
    'metrics."val/loss" > 1000',
    "metrics.`val/loss` < -1000",
    "metrics.step < 1e-8",
    "metrics.step < .5",
    "metrics.nowhere > 0",
    "params.lr = '0.1'",
    'params.lr = "0.1"',
    "param.lr != '0.1'",
    "params.`batch size` = '64'",
    'parameters."batch size" LIKE "6_"',
    "params.model LIKE '%es%'",
    "params.model LIKE 'RES%'",
    "params.model ILIKE 'RES%'",
    "params.model like 'res%'",
    "params.model = 'he said \"hi\"'",
    "params.`도시` = '서울'",
    "params.lr IS NULL",
    "params.lr IS NOT NULL",
    "tags.team is null AND metrics.acc > 0",
    "tags.team = 'nlp'",
    "tag.team ILIKE 'VISION'",
    "tags.team LIKE 'V%'",
    'tags.`odd.key` = "it\'s"',
    'tags.odd.key = "it\'s"',
    "tags.note = ''",
    "tags.team != 'nlp'",
    "tags.mlflow.note.content LIKE '%best%'",
    "attributes.status = 'FINISHED'",
    "status = 'finished'",
    "attribute.status != 'FINISHED' and attributes.run_name ILIKE 'b%'",
    "run_name = 'alpha'",
    "run_name LIKE 'Beta\\_1'",
    "run_name LIKE 'beta%'",
    "run_name ILIKE 'BETA%'",
    "attributes.`run name` = 'gamma'",
    "attr.start_time > 1700000002000",
    "start_time <= 1700000002000.0 AND end_time >= 1700000100001",
    "created > 1700000003000",
    "end_time > 0",
    "user_id != 'nobody'",
    "artifact_uri LIKE '%artifacts'",
    "run_id IN ({first}, {second})",
    "attributes.run_id IN ({first})",
    "attributes.run_id NOT IN ({first}, {second})",
    "run_id = {first}",
    "datasets.name = 'iris'",
    "dataset.digest LIKE 'abc%'",
    "datasets.context = 'training'",
    "datasets.context IN ('training', 'test')",
    "datasets.name NOT IN ('iris')",
    "datasets.name = 'iris' AND metrics.acc > 0.95",
]
ORDERS = [
    [],
    ["metrics.acc:desc"],
    ["metrics.acc:asc"],
    ["metrics.`val/loss` DESC"],
    ["metrics.`val/loss` ASC"],
    ["metrics.nowhere:desc"],
    ["params.lr:desc"],
    ["params.lr", "metrics.acc:desc"],
    ["tags.team:asc", "attributes.start_time:asc"],
    ["attributes.status", "attributes.end_time:desc"],
    ["start_time:asc"],
    ["attributes.run_name:desc"],
]

_ASK_MLFLOW = """
from mlflow import MlflowClient
client = MlflowClient(URI)
everywhere = [one.experiment_id for one in client.search_experiments()]
found = []
for text, order in QUESTIONS:
    text = text.format(first=f"'{ids[0]}'", second=f"'{ids[1]}'")
    order = [one.replace(":", " ") for one in order]
    runs = client.search_runs(everywhere, text, order_by=order)
    found.append([run.info.run_name for run in runs])
tell(found)
"""


def _asking(ids: list[str], questions: list[Any]) -> str:
    uri = f"sqlite:///{paths.mlflow_dir() / 'mlflow.db'}"
    return f"URI, ids, QUESTIONS = {uri!r}, {ids!r}, {questions!r}\n{_ASK_MLFLOW}"


def names(text: str, order: list[str], ids: list[str]) -> list[str]:
    """What we find, in our order, over all pages of two."""
    text = text.format(first=f"'{ids[0]}'", second=f"'{ids[1]}'") if "{" in text else text
    found: list[str] = []
    cursor = None
    with reading() as db:
        while True:
            query = asked(text=text, order=order, limit=2, cursor=cursor)
            page = run_query.runs(db, query)
            found += [run.name for run in page.runs]
            cursor = page.next
            if cursor is None:
                assert page.total == len(found)
                return found


def test_filters_and_orders_as_mlflow(logged: list[str], mlflow_script: Callable[..., Any]) -> None:
    """The same runs in the same order as `search_runs`, whatever the filter and the order."""
    questions = [(text, []) for text in FILTERS] + [("metrics.acc > -9", one) for one in ORDERS]
    questions += [("", one) for one in ORDERS]
    theirs = mlflow_script(_asking(logged, questions))
    ours = [names(text, order, logged) for text, order in questions]
    differing = [
        (question, a, b) for question, a, b in zip(questions, ours, theirs, strict=True) if a != b
    ]
    assert differing == []
    assert any(len(one) not in (0, len(theirs[0])) for one in theirs)


def test_what_a_server_is_told_means_the_same(
    logged: list[str], mlflow_script: Callable[..., Any]
) -> None:
    """A filter that was read and written again finds the same runs."""
    told = [
        [
            mlflow_syntax.filter_text(
                parse(text.replace("{first}", "'x'").replace("{second}", "'y'"))
            ),
            [],
        ]
        for text in FILTERS
    ]
    found = mlflow_script(_asking(logged, told))
    for text, theirs in zip(FILTERS, found, strict=True):
        if "{first}" not in text:
            assert names(text, [], logged) == theirs, text


def test_words(logged: list[str]) -> None:
    """Plain words are found in names, parameters and tags, alone or beside comparisons."""
    for text, expected in {
        "resnet": ["Beta_1", "alpha"],
        "RESNET vision": ["Beta_1", "alpha"],
        "서울": ["서울 실험"],
        "beta_": ["Beta_1"],
        "%": ["beta%2"],
        "best": ["alpha"],
        "'he said'": ["beta%2"],
        "resnet metrics.acc > 0.8": ["alpha"],
        "metrics.acc > 0.8 AND nlp": ["epsilon"],
        "batch": ["alpha"],
        "trained in seoul": [],
        "0123456789ab": ["alpha"],
        "mlflow.runName": [],
        "": ["epsilon", "delta", "서울 실험", "gamma", "beta%2", "Beta_1", "alpha"],
    }.items():
        assert names(text, [], logged) == expected, text


@pytest.mark.parametrize(
    ("text", "at", "said"),
    [
        ("metrics.acc >", 13, "a number"),
        ("metrics.acc > '0.5'", 14, "a number"),
        ("metrics.acc > 0.5x", 14, "a number"),
        ("metrics.acc LIKE 'a'", 12, "can be compared by"),
        ("params.lr > '1'", 10, "can be compared by"),
        ("params.lr = 0.1", 12, "in quotes"),
        ("params.lr = '0.1", 12, "in quotes"),
        ("nothing.acc > 1", 0, "none of"),
        ("acc > 0.5", 0, "metrics.acc"),
        ("resnet acc > 0.5", 7, "metrics.acc"),
        ("metrics.acc > 0.5 OR metrics.acc < 0", 18, "AND"),
        ("metrics.acc > 0.5 AND", 21, "follow AND"),
        ("AND metrics.acc > 0.5", 0, "between"),
        ("metrics.acc == 0.5", 12, "can be compared by"),
        ("run_id IN ('a' 'b')", 15, "comma"),
        ("run_id IN ()", 11, "in quotes"),
        ("(metrics.acc > 1)", 0, "neither"),
        ("datasets.size = '1'", 0, "dataset"),
        ("metrics.acc IS NULL", 12, "can be compared by"),
        ("> 0.5", 0, "neither"),
        ("x" * 5000, 4000, "longer"),
    ],
)
def test_refusals_name_the_place(text: str, at: int, said: str) -> None:
    """What can't be read is refused with the character where it stops making sense."""
    with pytest.raises(InvalidInput) as caught:
        parse(text)
    (problem,) = caught.value.problems
    assert (problem["where"], problem["at"]) == ("filter", at)
    assert said in problem["message"]
    assert caught.value.stable_code == "filter_invalid"


def test_parsed() -> None:
    """What is read is what was meant: aliases, quotes, lists."""
    assert parse('param.`a b` LIKE "it\'s%"  AND Created > 5 word') == (
        Comparison(Key(Entity.PARAM, "a b"), "LIKE", "it's%"),
        Comparison(Key(Entity.ATTRIBUTE, "start_time"), ">", 5.0),
        Word("word"),
    )
    assert parse("status not  in ('A','B',)") == (
        Comparison(Key(Entity.ATTRIBUTE, "status"), "NOT IN", ("A", "B")),
    )
    assert parse("run.py is like that, and more") == tuple(
        map(Word, ["run.py", "is", "like", "that,", "more"])
    )


def test_keys_alone() -> None:
    """Keys of columns and orders may hold anything that MLflow lets a name hold."""
    assert parse_key("metrics.val/loss (mean)", "order") == Key(Entity.METRIC, "val/loss (mean)")
    assert parse_key("metrics.`a b`", "order") == Key(Entity.METRIC, "a b")
    for text in ("", "duration", "things.x"):
        with pytest.raises(InvalidInput):
            parse_key(text, "columns")


@pytest.mark.parametrize(
    "order", [["metrics.acc", "metric.acc:desc"], ["datasets.name"], ["x"], ["params.a"] * 6]
)
def test_orders_refused(order: list[str]) -> None:
    """An order that means nothing is refused, naming itself."""
    with pytest.raises(InvalidInput) as caught:
        parse_order(order)
    assert caught.value.problems[0]["where"] == "order"


def test_no_quotes_left_for_a_server() -> None:
    """A text with both kinds of quotes can't be told to MLflow, and nothing else is told."""
    with pytest.raises(InvalidInput, match="both kinds"):
        mlflow_syntax.filter_text([Word('it\'s "so"')])
