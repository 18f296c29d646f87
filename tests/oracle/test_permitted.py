"""The oracle, for every situation there is: its answers are those of the contract's table, read by hand."""

from collections.abc import Iterator
from itertools import combinations, product

import pytest

from refund_conformance.contract import model as contracts
from refund_conformance.oracle.permitted import Permitted, answer_of, permitted
from refund_conformance.oracle.situation import Situation

CONTRACT = contracts.load()

# What is written down here is contract.md, not the project's own data: statuses, codes, expected codes.
Answer = tuple[str, frozenset[int], int | str, frozenset[str], frozenset[int]]

ROUTES = ("refund", "unknown-url", "other-method", "malformed-order-id", "number-of-no-order")
AUTHORIZATIONS = ("valid", "missing", "malformed", "forged", "expired")
CONTENT_TYPES = ("json", "other", "missing")
BODIES = ("object", "malformed", "not-an-object")
CALLERS = ("configured", "unconfigured")
ORDERS = ("refundable", "not-paid", "zero-price", "refund-open", "unknown", "foreign")
INVALID = (frozenset[str](), frozenset({"description"}), frozenset({"email"}), frozenset({"description", "email"}))


def answer(
    part: str,
    statuses: set[int],
    errors: int | str,
    fields: frozenset[str] = frozenset(),
    should: frozenset[int] = frozenset(),
) -> Answer:
    return (part, frozenset(statuses), errors, fields, should)


SUCCESS = answer("", {200}, "none")
BY_VALUE: dict[tuple[str, str], tuple[Answer, ...]] = {
    ("route", "unknown-url"): (answer("route", {404}, "undemanded"),),
    ("route", "other-method"): (answer("route", {404, 405}, "undemanded"),),
    ("route", "number-of-no-order"): (answer("route", {404, 400}, "undemanded"),),
    ("route", "malformed-order-id"): (answer("route", {404}, "undemanded"), answer("route", {400}, "undemanded")),
    ("authorization", "missing"): (answer("authorization", {401}, "some", should=frozenset({1008})),),
    ("authorization", "malformed"): (answer("authorization", {401}, "some", should=frozenset({1007, 1008})),),
    ("authorization", "forged"): (answer("authorization", {401}, "some", should=frozenset({1007})),),
    ("authorization", "expired"): (answer("authorization", {401}, "some", should=frozenset({1009})),),
    ("content_type", "other"): (answer("content_type", {400}, 111),),
    ("content_type", "missing"): (answer("content_type", {400}, 111),),
    ("body", "malformed"): (answer("body", {400}, 110),),
    ("body", "not-an-object"): (answer("body", {400}, 110),),
    ("caller", "unconfigured"): (answer("caller", {400}, 15000),),
    ("order", "not-paid"): (answer("order", {400}, 15030),),
    ("order", "zero-price"): (answer("order", {400}, 15040),),
    ("order", "refund-open"): (answer("order", {400}, 15050),),
    ("order", "unknown"): (answer("order", {404}, 15060),),
    ("order", "foreign"): (answer("order", {404}, 15060),),
}
PARTS = ("route", "authorization", "content_type", "body", "caller", "order", "field")


def situations(route: str, authorization: str) -> Iterator[Situation]:
    for values in product(CONTENT_TYPES, BODIES, CALLERS, ORDERS, INVALID):
        yield Situation(route, authorization, *values)


def by_part(situation: Situation) -> dict[str, tuple[Answer, ...]]:
    """Return the answers of each wrong part, by hand-written table alone."""
    values = {
        "route": situation.route,
        "authorization": situation.authorization,
        "content_type": situation.content_type,
        "body": situation.body,
        "caller": situation.caller,
        "order": situation.order,
    }
    found = {part: BY_VALUE[part, value] for part, value in values.items() if (part, value) in BY_VALUE}
    if situation.invalid and situation.body == "object":  # what is no object has no fields
        found["field"] = (answer("field", {400}, 15010, situation.invalid),)
    return found


def told(answers: frozenset[Permitted]) -> set[Answer]:
    """Return the answers without what repeats a field's error, of which there is one for each that does not."""
    once = [each for each in answers if not each.repeats]
    repeated = {(each.statuses, each.fields) for each in answers if each.repeats}
    assert repeated == {(each.statuses, each.fields) for each in once if each.fields}
    return {(each.part, each.statuses, each.errors, each.fields, each.should) for each in once}


def asked(situation: Situation, **pins: str) -> set[Answer]:
    return told(permitted(CONTRACT, situation, {name.replace("_", "-"): pin for name, pin in pins.items()}))


def test_the_enumeration_leaves_out_no_value_of_the_contract() -> None:
    special = {("route", "malformed-order-id-400"), ("order", "unknown-15020"), ("field", "invalid")}
    asked_only = {("route", "oversized"), ("route", "cleaned"), ("content_type", "unsupported")}
    of_bodies = {("body", "length-required"), ("body", "unusual-members"), ("body", "incomplete")}
    assert set(CONTRACT.outcomes) == set(BY_VALUE) | special | asked_only | of_bodies | {("field", "repeated")}


@pytest.mark.parametrize("authorization", AUTHORIZATIONS)
@pytest.mark.parametrize("route", ROUTES)
def test_any_wrong_part_may_answer_and_nothing_else(route: str, authorization: str) -> None:
    for situation in situations(route, authorization):
        expected = {each for answers in by_part(situation).values() for each in answers} or {SUCCESS}
        assert asked(situation) == expected, situation


@pytest.mark.whole
@pytest.mark.parametrize(
    "order",
    [PARTS, PARTS[::-1], (*PARTS[3:], *PARTS[:3]), (*PARTS[1::2], *PARTS[::2])],
    ids=["as-listed", "reversed", "rotated", "interleaved"],
)
@pytest.mark.parametrize("authorization", AUTHORIZATIONS)
@pytest.mark.parametrize("route", ROUTES)
def test_with_a_pinned_precedence_the_first_wrong_part_answers(
    route: str, authorization: str, order: tuple[str, ...]
) -> None:
    pin = ", ".join(order)
    for situation in situations(route, authorization):
        answers = by_part(situation)
        first = next((part for part in order if part in answers), None)
        expected = set(answers[first]) if first else {SUCCESS}
        assert asked(situation, precedence=pin) == expected, situation


@pytest.mark.whole
def test_success_is_permitted_only_where_nothing_is_wrong() -> None:
    accepted = [
        situation
        for route, authorization in product(ROUTES, AUTHORIZATIONS)
        for situation in situations(route, authorization)
        if any(each.success for each in permitted(CONTRACT, situation, {}))
    ]
    assert accepted == [Situation()]


def test_the_set_never_grows_wider_than_one_answer_for_each_wrong_part() -> None:
    for situation in situations("refund", "missing"):
        assert len(asked(situation)) == len(by_part(situation)), situation


# ---- open questions

FIELD = "comment"
INVALID_FIELD = answer("field", {400}, 15010, frozenset({FIELD}))
MALFORMED = answer("body", {400}, 110)
OTHER_TYPE = answer("content_type", {400}, 111)
MALFORMED_TOKEN = answer("authorization", {401}, "some", should=frozenset({1007, 1008}))

ANY_4XX = set(range(400, 500))
OVERSIZED = answer("route", {413, 414, 431}, "undemanded")
CLEANED = answer("route", {301, 302, 307, 308}, "undemanded")
ALONE = (OVERSIZED, CLEANED)
"""Answers of what stands before a target: it does not come to anything else."""

BY_ANSWER: dict[str, dict[str, Answer]] = {
    "content-type-parameters": {"accepted": SUCCESS, "111": OTHER_TYPE},
    "content-type-case": {"accepted": SUCCESS, "111": OTHER_TYPE},
    "byte-order-mark": {"accepted": SUCCESS, "110": MALFORMED},
    "utf16-json": {"accepted": SUCCESS, "110": MALFORMED},
    "duplicate-keys": {"accepted": SUCCESS, "110": MALFORMED, "15010": INVALID_FIELD},
    "lone-surrogate": {"accepted": SUCCESS, "15010": INVALID_FIELD, "110": MALFORMED},
    "nul-character": {"accepted": SUCCESS, "15010": INVALID_FIELD},
    "character-unit": {"code-points": SUCCESS, "utf-16-units": INVALID_FIELD},
    "unknown-field": {"ignored": SUCCESS, "15010": INVALID_FIELD, "110": MALFORMED},
    "empty-description": {"accepted": SUCCESS, "15010": INVALID_FIELD},
    "bearer-case": {"accepted": SUCCESS, "401": MALFORMED_TOKEN},
    "international-email": {"accepted": SUCCESS, "15010": INVALID_FIELD},
    "deep-nesting": {"accepted": SUCCESS, "110": MALFORMED, "15010": INVALID_FIELD},
    "number-range": {"15010": SUCCESS, "110": MALFORMED},  # asked only where the field is invalid anyway
    "oversized-request": {"as-documented": SUCCESS, "http-status": OVERSIZED},
    "email-surrounding-space": {"trimmed": SUCCESS, "15010": INVALID_FIELD},
    "path-cleaning": {"404": SUCCESS, "redirect": CLEANED},  # asked only where the URL is none of the API's
    "unsupported-encoding": {"accepted": SUCCESS, "refused": answer("content_type", ANY_4XX, "anything")},
    "chunked-body": {"accepted": SUCCESS, "411": answer("body", {411}, "undemanded")},
    "unusual-members": {"accepted": SUCCESS, "refused": answer("body", ANY_4XX, "anything")},
}
"""What each answer permits for a request with which nothing else is wrong."""

NOT_FOUND = {"15060": answer("order", {404}, 15060), "15020": answer("order", {404}, 15020)}
MALFORMED_ID = {"404": answer("route", {404}, "undemanded"), "400": answer("route", {400}, "undemanded")}
PINNED = [(question, pin) for question, answers in BY_ANSWER.items() for pin in answers]


def touching(*questions: str) -> Situation:
    return Situation(questions=tuple((question, FIELD) for question in questions))


def test_the_list_of_questions_is_whole() -> None:
    implied = {"malformed-order-id", "order-not-found-code", "unconfigured-order", "repeated-field-errors"}
    implied |= {"precedence"}
    assert set(CONTRACT.questions) == set(BY_ANSWER) | implied
    for question, answers in BY_ANSWER.items():
        assert set(CONTRACT.questions[question].answers) == set(answers)


@pytest.mark.parametrize("question", BY_ANSWER)
def test_an_open_question_permits_each_of_its_answers(question: str) -> None:
    assert asked(touching(question)) == set(BY_ANSWER[question].values())


@pytest.mark.parametrize(("question", "pin"), PINNED)
def test_a_pinned_question_permits_its_answer_alone(question: str, pin: str) -> None:
    found = told(permitted(CONTRACT, touching(question), {question: pin}))
    assert found == {BY_ANSWER[question][pin]}


@pytest.mark.parametrize(("question", "pin"), PINNED)
def test_a_pin_means_nothing_to_a_request_that_does_not_touch_its_question(question: str, pin: str) -> None:
    assert told(permitted(CONTRACT, Situation(), {question: pin})) == {SUCCESS}


@pytest.mark.parametrize(("question", "pin"), PINNED)
def test_beside_a_wrong_order_the_order_may_answer_too(question: str, pin: str) -> None:
    situation = touching(question).with_part("order", "refund-open")
    own = BY_ANSWER[question][pin]
    state = answer("order", {400}, 15050)
    expected = {own} if own in ALONE else {own, state} - {SUCCESS}
    assert told(permitted(CONTRACT, situation, {question: pin})) == expected


def test_of_two_open_questions_either_may_answer_or_both_accept() -> None:
    for one, other in combinations(BY_ANSWER, 2):
        expected = {answer for name in (one, other) for answer in BY_ANSWER[name].values()}
        if not {one, other} & {"number-range"}:
            assert SUCCESS in expected
        assert asked(touching(one, other)) == expected, (one, other)


def test_two_questions_about_two_fields_add_their_fields() -> None:
    situation = Situation(questions=(("nul-character", "description"), ("unknown-field", "comment")))
    expected = {
        SUCCESS,
        answer("field", {400}, 15010, frozenset({"description"})),
        answer("field", {400}, 15010, frozenset({"comment"})),
        answer("field", {400}, 15010, frozenset({"description", "comment"})),
        MALFORMED,
    }
    assert asked(situation) == expected


def test_a_question_beside_an_invalid_field_adds_its_own_field_or_not() -> None:
    situation = Situation(invalid=frozenset({"email"}), questions=(("unknown-field", "comment"),))
    alone = answer("field", {400}, 15010, frozenset({"email"}))
    both = answer("field", {400}, 15010, frozenset({"email", "comment"}))
    assert asked(situation) == {alone, both, MALFORMED}
    assert asked(situation, unknown_field="ignored") == {alone}
    assert asked(situation, unknown_field="15010") == {both}


def test_a_huge_number_is_a_wrong_type_or_no_json_but_never_accepted() -> None:
    situation = Situation(invalid=frozenset({"description"}), questions=(("number-range", "description"),))
    wrong_type = answer("field", {400}, 15010, frozenset({"description"}))
    assert asked(situation) == {wrong_type, MALFORMED}
    assert asked(situation, number_range="15010") == {wrong_type}
    assert asked(situation, number_range="110") == {MALFORMED}


def test_an_invalid_field_is_reported_once_or_for_each_reason_unless_pinned() -> None:
    situation = Situation(invalid=frozenset({"email"}))
    for pin, repeats in (("once", False), ("each-reason", True)):
        (given,) = permitted(CONTRACT, situation, {"repeated-field-errors": pin})
        assert (given.errors, given.repeats) == (15010, repeats)
        assert given.fields == {"email"}
        assert given in permitted(CONTRACT, situation, {})
        assert answer_of(CONTRACT, situation, "repeated-field-errors", given) == pin
    assert not any(given.repeats for given in permitted(CONTRACT, Situation(), {}))


def test_a_body_that_breaks_off_may_be_answered_with_anything_but_success() -> None:
    for situation in (Situation(body="incomplete"), Situation(body="incomplete", order="unknown")):
        (given,) = permitted(CONTRACT, situation, {})
        assert (given.errors, given.statuses) == ("anything", frozenset(range(400, 600)))


def test_an_order_of_ours_may_be_another_merchants_to_a_caller_without_configuration() -> None:
    situation = Situation(caller="unconfigured", questions=(("unconfigured-order", ""),))
    unconfigured = answer("caller", {400}, 15000)
    assert asked(situation) == {unconfigured, NOT_FOUND["15060"]}
    assert asked(situation, unconfigured_order="15000") == {unconfigured}
    assert asked(situation, unconfigured_order="15060") == {NOT_FOUND["15060"]}


@pytest.mark.parametrize("state", ["unknown", "foreign"])
def test_the_code_of_an_order_that_is_not_found_is_15060_unless_pinned(state: str) -> None:
    situation = Situation(order=state)
    assert asked(situation) == {NOT_FOUND["15060"]}
    for pin, expected in NOT_FOUND.items():
        assert asked(situation, order_not_found_code=pin) == {expected}


def test_a_malformed_order_id_is_404_or_400_unless_pinned() -> None:
    situation = Situation(route="malformed-order-id")
    assert asked(situation) == set(MALFORMED_ID.values())
    for pin, expected in MALFORMED_ID.items():
        assert asked(situation, malformed_order_id=pin) == {expected}


def test_precedence_is_taken_after_the_questions_are_answered() -> None:
    situation = touching("utf16-json").with_part("order", "refund-open")
    state = answer("order", {400}, 15050)
    body_first = "body, route, authorization, content_type, caller, order, field"
    order_first = "order, body, route, authorization, content_type, caller, field"
    assert asked(situation, precedence=body_first) == {MALFORMED, state}
    assert asked(situation, precedence=order_first) == {state}
    assert asked(situation, precedence=body_first, utf16_json="110") == {MALFORMED}
    assert asked(situation, precedence=body_first, utf16_json="accepted") == {state}


def test_a_precedence_pin_is_read_with_or_without_spaces() -> None:
    situation = Situation(order="unknown", body="malformed")
    for pin in (",".join(PARTS), " , ".join(PARTS)):
        assert asked(situation, precedence=pin) == {MALFORMED}


# ---- what an answer reveals


@pytest.mark.parametrize(("question", "pin"), PINNED)
def test_an_answer_of_its_own_reveals_how_the_target_answers_a_question(question: str, pin: str) -> None:
    situation = touching(question)
    given = next(each for each in permitted(CONTRACT, situation, {question: pin}) if not each.repeats)
    assert answer_of(CONTRACT, situation, question, given) == pin


@pytest.mark.parametrize(
    "question", [name for name in BY_ANSWER if set(ALONE).isdisjoint(BY_ANSWER[name].values())]
)
def test_the_answer_of_another_wrong_part_reveals_nothing(question: str) -> None:
    situation = touching(question).with_part("order", "zero-price")
    (given,) = (each for each in permitted(CONTRACT, situation, {}) if each.part == "order")
    assert answer_of(CONTRACT, situation, question, given) is None


@pytest.mark.parametrize("question", BY_ANSWER)
def test_a_request_that_does_not_touch_a_question_reveals_nothing_of_it(question: str) -> None:
    (given,) = permitted(CONTRACT, Situation(), {})
    assert answer_of(CONTRACT, Situation(), question, given) is None


@pytest.mark.parametrize("pin", NOT_FOUND)
def test_an_order_that_is_not_found_reveals_the_code_for_it(pin: str) -> None:
    situation = Situation(order="unknown")
    (given,) = permitted(CONTRACT, situation, {"order-not-found-code": pin})
    assert answer_of(CONTRACT, situation, "order-not-found-code", given) == pin


@pytest.mark.parametrize("pin", MALFORMED_ID)
def test_a_malformed_order_id_reveals_the_status_for_it(pin: str) -> None:
    situation = Situation(route="malformed-order-id")
    (given,) = permitted(CONTRACT, situation, {"malformed-order-id": pin})
    assert answer_of(CONTRACT, situation, "malformed-order-id", given) == pin
