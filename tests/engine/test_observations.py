"""What permitted answers reveal of the open questions, and of the order of a target's checks."""

from typing import Any

import pytest

from engine_stage import CONTRACT
from refund_conformance.engine.observations import Observations
from refund_conformance.oracle import permitted
from refund_conformance.oracle.permitted import Permitted
from refund_conformance.oracle.situation import Situation

Event = dict[str, Any]

STATE_AND_BODY = Situation(body="malformed", order="not-paid")
STATE_AND_TYPE = Situation(content_type="other", order="not-paid")


def noting() -> tuple[Observations, list[Event]]:
    kept: list[Event] = []
    return Observations(CONTRACT, kept.append), kept


def answer(situation: Situation, part: str, pins: dict[str, str] | None = None) -> Permitted:
    """Return the permitted answer of one wrong part."""
    answers = permitted.permitted(CONTRACT, situation, pins or {})
    return next(one for one in sorted(answers, key=repr) if one.part == part)


def asking(question: str, field: str = "") -> Situation:
    return Situation(questions=((question, field),))


@pytest.mark.parametrize(
    ("question", "field", "told"),
    [
        ("content-type-parameters", "", "accepted"),
        ("content-type-parameters", "", "111"),
        ("unknown-field", "comment", "ignored"),
        ("unknown-field", "comment", "15010"),
        ("lone-surrogate", "description", "110"),
        ("bearer-case", "", "401"),
        ("character-unit", "description", "utf-16-units"),
    ],
)
def test_an_answer_to_a_question_is_noted(question: str, field: str, told: str) -> None:
    situation = asking(question, field)
    for given in permitted.permitted(CONTRACT, situation, {question: told}):
        observations, kept = noting()
        observations.note(situation, given)
        assert {"event": "observation", "question": question, "answer": told} in kept


@pytest.mark.parametrize("told", ["404", "400"])
def test_the_answer_to_a_malformed_order_id_is_noted(told: str) -> None:
    observations, kept = noting()
    situation = Situation(route="malformed-order-id")
    observations.note(situation, answer(situation, "route", {"malformed-order-id": told}))
    assert kept == [{"event": "observation", "question": "malformed-order-id", "answer": told}]


def test_the_code_for_an_unknown_order_is_noted() -> None:
    observations, kept = noting()
    situation = Situation(order="unknown")
    observations.note(situation, answer(situation, "order"))
    assert kept == [{"event": "observation", "question": "order-not-found-code", "answer": "15060"}]


def test_an_answer_that_touches_no_question_reveals_nothing() -> None:
    observations, kept = noting()
    observations.note(Situation(order="not-paid"), answer(Situation(order="not-paid"), "order"))
    observations.note(Situation(), answer(Situation(), ""))
    assert kept == []


def test_an_answer_that_several_readings_share_reveals_none_of_them() -> None:
    observations, kept = noting()
    situation = Situation(order="not-paid", questions=(("unknown-field", "comment"),))
    observations.note(situation, answer(situation, "order"))
    assert kept == []


def test_of_two_wrong_parts_the_one_that_answers_stands_before_the_other() -> None:
    observations, kept = noting()
    observations.note(STATE_AND_BODY, answer(STATE_AND_BODY, "body"))
    assert kept == [{"event": "precedence", "first": "body", "before": ["order"]}]


def test_one_wrong_part_alone_tells_no_precedence() -> None:
    observations, kept = noting()
    situation = Situation(body="malformed")
    observations.note(situation, answer(situation, "body"))
    assert kept == []


def test_what_answers_before_the_order_is_known_once_seen() -> None:
    observations, _ = noting()
    assert not observations.looks_first_at(observations.parts_of(["byte-order-mark"]))
    observations.note(STATE_AND_BODY, answer(STATE_AND_BODY, "body"))
    assert observations.looks_first_at(observations.parts_of(["byte-order-mark"]))
    assert not observations.looks_first_at(observations.parts_of(["content-type-case"]))


def test_a_question_with_several_parts_needs_each_of_them_before_the_order() -> None:
    observations, _ = noting()
    observations.note(STATE_AND_BODY, answer(STATE_AND_BODY, "body"))
    assert not observations.looks_first_at(observations.parts_of(["deep-nesting"]))
    both = Situation(order="not-paid", invalid=frozenset({"email"}))
    observations.note(both, answer(both, "field"))
    assert observations.looks_first_at(observations.parts_of(["deep-nesting"]))


def test_a_target_that_varies_is_not_trusted_to_look_at_the_order_last() -> None:
    observations, _ = noting()
    observations.note(STATE_AND_TYPE, answer(STATE_AND_TYPE, "content_type"))
    observations.note(STATE_AND_TYPE, answer(STATE_AND_TYPE, "order"))
    assert not observations.looks_first_at(observations.parts_of(["content-type-case"]))


def test_asked_of_an_open_order_its_refusal_is_the_accepting_answer() -> None:
    observations, kept = noting()
    state = answer(Situation(order="refund-open"), "order")
    observations.asked_of_open_order("unknown-field", state)
    assert kept == [{"event": "observation", "question": "unknown-field", "answer": "ignored"}]


def test_asked_of_an_open_order_any_other_answer_is_left_to_the_note() -> None:
    observations, kept = noting()
    situation = Situation(body="malformed")
    observations.asked_of_open_order("byte-order-mark", answer(situation, "body"))
    observations.asked_of_open_order("byte-order-mark", None)
    assert kept == []
