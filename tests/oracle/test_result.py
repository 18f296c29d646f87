"""What becomes of a case, and the event that keeps it."""

import json
from itertools import product

import pytest

from refund_conformance.contract import documents
from refund_conformance.contract.errors import RunError
from refund_conformance.oracle.finding import Finding, Kind
from refund_conformance.oracle.result import Outcome, Result, outcome_of


def finding(kind: Kind) -> Finding:
    return Finding("order.unknown", kind, "404 with 15060 alone", "200 without errors", ("order.foreign",))


def test_without_findings_a_case_held() -> None:
    assert outcome_of(()) is Outcome.HELD


def test_advice_alone_is_a_warning() -> None:
    assert outcome_of((finding(Kind.ADVICE),) * 2) is Outcome.WARNED


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.ADVICE])
def test_anything_else_is_a_violation_whatever_stands_beside_it(kind: Kind) -> None:
    for others in product((Kind.ADVICE, Kind.CRASH), repeat=2):
        assert outcome_of((finding(others[0]), finding(kind), finding(others[1]))) is Outcome.VIOLATED


def test_outcomes_stand_from_best_to_worst() -> None:
    assert [str(outcome) for outcome in Outcome] == [
        *("held", "skipped", "untested", "warned", "undecided", "violated"),
    ]


RESULT = Result(
    "order.unknown/first",
    "order.unknown",
    "An order that does not exist is not found.",
    Outcome.VIOLATED,
    "reason",
    (finding(Kind.ACCEPTED), finding(Kind.ADVICE)),
    (3, 4),
    "success",
    failed=2,
    tries=3,
)


def test_the_event_of_a_result_holds_all_of_it() -> None:
    told = {"clause": "order.unknown", "expected": "404 with 15060 alone", "actual": "200 without errors"}
    assert RESULT.as_event() == {
        "event": "case",
        "case": "order.unknown/first",
        "clause": "order.unknown",
        "title": "An order that does not exist is not found.",
        "outcome": "violated",
        "reason": "reason",
        "findings": [
            {**told, "kind": "accepted", "also": ["order.foreign"]},
            {**told, "kind": "advice", "also": ["order.foreign"]},
        ],
        "exchanges": [3, 4],
        "answer": "success",
        "failed": 2,
        "tries": 3,
    }


@pytest.mark.parametrize("outcome", Outcome)
def test_the_event_of_any_result_is_one_of_the_projects_format(outcome: Outcome) -> None:
    event = Result("a.b/c", "a.b", "Title.", outcome).as_event()
    documents.check(event, "event", "event", RunError)
    assert json.loads(json.dumps(event)) == event
