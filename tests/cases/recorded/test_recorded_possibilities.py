"""What is derived from a request alone permits all that is permitted for one who knows the whole situation."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded_samples import BASE, CONTRACT, HEADER, ORDER, as_recorded, body, with_header

from refund_conformance.cases import all_cases, explorations
from refund_conformance.cases.case import Case, Framing
from refund_conformance.cases.recorded.exchange import Recorded, Shown
from refund_conformance.cases.recorded.possibilities import (
    ORDER_STATES,
    Possibilities,
    clauses_of,
    permitted_answers,
    possibilities,
)
from refund_conformance.cases.recorded.route import is_judged, is_login, place_of
from refund_conformance.contract.model import VALID
from refund_conformance.oracle.permitted import Permitted, permitted

SERVED = Shown(is_served=True)
CASES = [case for case in all_cases(CONTRACT).values() if as_recorded(case) is not None]


def derived(recorded: Recorded, shown: Shown = SERVED) -> Possibilities:
    place = place_of(CONTRACT, recorded.target)
    assert place is not None
    return possibilities(CONTRACT, HEADER, recorded, place, shown)


def covers(wide: frozenset[Permitted], answer: Permitted) -> bool:
    """Whether an answer is permitted, be it by one of which less is demanded."""
    if replace(answer, should=frozenset()) in {replace(one, should=frozenset()) for one in wide}:
        return True
    return any(
        answer.statuses <= one.statuses and one.errors in ("anything", "undemanded", "some")
        for one in wide
        if one.errors != answer.errors or not answer.fields
    )


def uncovered(case: Case, recorded: Recorded) -> set[Permitted]:
    lawful = permitted(CONTRACT, case.situation, {})
    wide = permitted_answers(CONTRACT, derived(recorded), {})
    return {answer for answer in lawful if not covers(wide, answer)}


def test_most_cases_go_to_the_operation() -> None:
    left_out = {case.clause for case in all_cases(CONTRACT).values()} - {case.clause for case in CASES}
    assert left_out == {"route.unknown-url"}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_whatever_is_lawful_for_a_case_is_lawful_for_one_who_does_not_know_it(case: Case) -> None:
    recorded = as_recorded(case)
    assert recorded is not None
    assert uncovered(case, recorded) == set()


@pytest.mark.parametrize("clause", sorted(explorations(CONTRACT)))
def test_the_same_holds_for_drawn_cases(clause: str) -> None:
    @settings(max_examples=40)
    @given(explorations(CONTRACT)[clause])
    def check(case: Case) -> None:
        recorded = as_recorded(case)
        assert recorded is None or uncovered(case, recorded) == set()

    check()


HIDDEN = {
    "auth.forged",  # a token does not tell
    "caller.configuration",
    "order.not-paid",
    "order.zero-price",
    "order.refund-open",
    "order.unknown",
    "order.foreign",
    "order.once",  # by itself; after an acceptance it shows
    "auth.codes",  # of its cases, one is of a forged token
    "errors.alone",  # and of these, those with only an order's state wrong
    "json.incomplete",
}
"""Clauses whose cases do not show what is wrong with them."""


@pytest.mark.parametrize("case", [case for case in CASES if case.situation.wrong], ids=str)
def test_an_acceptance_of_what_shows_to_be_wrong_is_not_permitted(case: Case) -> None:
    recorded = as_recorded(case)
    assert recorded is not None
    accepted = any(answer.success for answer in permitted_answers(CONTRACT, derived(recorded), {}))
    may_be = any(answer.success for answer in permitted(CONTRACT, case.situation, {}))
    if case.clause not in HIDDEN and len(case.draft.body) < 2**16 and not _is_unsure(case):
        assert accepted <= may_be


def _is_unsure(case: Case) -> bool:
    """Whether a case is one that nobody may take for wrong who has only seen it."""
    unsure = ("auth.malformed/empty", "auth.malformed/scheme-alone", "auth.malformed/parts-unreadable")
    odd = ("auth.malformed/non-ascii", "route.order-id/over-32-bits", "json.malformed/deep-unclosed")
    is_deep = case.draft.body.count(b"[") > 900
    hidden = {"order", "caller", *(("authorization",) if case.situation.authorization == "forged" else ())}
    return (
        case.id in (*unsure, *odd)
        or is_deep
        or set(case.situation.wrong) <= hidden
        or case.draft.framing is not Framing.LENGTH
    )


def test_every_state_of_an_order_is_an_outcome() -> None:
    assert {("order", state) for state in ORDER_STATES} <= CONTRACT.outcomes.keys()


def test_a_plain_request_may_meet_anything_but_what_it_shows_to_be_right() -> None:
    found = derived(BASE)
    assert found.wrong == {}
    assert found.invalid == frozenset()
    answers = {answer.part for answer in permitted_answers(CONTRACT, found, {})}
    assert answers == {"", "authorization", "caller", "order"}


def test_an_open_order_of_the_same_caller_is_the_only_thing_wrong() -> None:
    found = derived(BASE, Shown(order="refund-open", is_owner=True, token_is_valid=True, is_served=True))
    assert found.wrong == {"order": "refund-open"}
    parts = {(answer.part, answer.errors) for answer in permitted_answers(CONTRACT, found, {})}
    assert parts == {("order", 15050), ("caller", 15000)}


def test_of_another_caller_it_may_be_unknown_too() -> None:
    found = derived(BASE, Shown(order="refund-open", is_served=True))
    errors = {answer.errors for answer in permitted_answers(CONTRACT, found, {}) if answer.part == "order"}
    assert errors == {15050, 15060}
    assert found.wrong == {"order": "refund-open"}


@pytest.mark.parametrize(
    ("recorded", "clause"),
    [
        (with_header(HEADER, None), "auth.missing"),
        (with_header("Content-Type", None), "content-type.missing"),
        (with_header("Content-Type", "text/plain"), "content-type.other"),
        (replace(BASE, body=b"{"), "json.malformed"),
        (replace(BASE, body=b'{"email":"\xff"}'), "json.encoding"),
        (replace(BASE, body=b"[]"), "json.structure"),
        (replace(BASE, method="GET"), "route.method"),
        (replace(BASE, target="/v1/order/abc/refund"), "route.order-id"),
        (body({}), "email.required"),
        (body({"Email": "a@shop.com"}), "fields.name"),
        (body({"email": None}), "email.null"),
        (body({"email": 1}), "email.type"),
        (body({"email": ""}), "email.empty"),
        (body({"email": "no address"}), "email.format"),
        (body({"email": f"{'a' * 69}@example.com"}), "email.max-length"),
        (body({"email": "a@shop.com", "description": "x" * 501}), "description.max-length"),
        (body({"email": "a@shop.com", "description": "é" * 501}), "description.unicode"),
        (body({"email": "a@shop.com", "description": None}), "description.null"),
        (body({"email": "a@shop.com", "description": []}), "description.type"),
    ],
)
def test_what_is_wrong_for_sure_is_the_matter_of_its_clause(recorded: Recorded, clause: str) -> None:
    assert next(iter(clauses_of(CONTRACT, derived(recorded), recorded).values())) == clause


@pytest.mark.parametrize("part", VALID)
def test_nothing_is_wrong_for_sure_with_what_was_not_recorded(part: str) -> None:
    nothing = replace(BASE, headers=(), body=None, keeps_headers=False)
    assert part not in derived(nothing, Shown()).wrong


@given(st.binary(max_size=60) | st.text(max_size=40).map(str.encode))
def test_any_body_can_be_looked_at(raw: bytes) -> None:
    found = derived(replace(BASE, body=raw))
    assert permitted_answers(CONTRACT, found, {})


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"email":' + b"9" * 10_000 + b"}",
        b'{"email":1e999999}',
        b'{"\\ud800":"\\udfff","email":"a@shop.com"}',
        b'{"email":"a@shop.com",' + b",".join(b'"m%d":1' % place for place in range(5000)) + b"}",
        b'{"email":"a@shop.com"' + b',"email":"a@shop.com"' * 3000 + b"}",
    ],
    ids=["open", "deep", "huge", "exponent", "surrogates", "members", "duplicates"],
)
def test_hostile_bodies_can_be_looked_at(raw: bytes) -> None:
    assert permitted_answers(CONTRACT, derived(replace(BASE, body=raw)), {})


@pytest.mark.parametrize(
    ("target", "order"),
    [
        (f"/v1/order/{ORDER}/refund", ORDER),
        (f"/api/v1/order/{ORDER}/refund?x=1", ORDER),
        ("/v1/order/%37/refund", "7"),
        ("/v1/order//refund", ""),
        ("/v1/order/..%2F1/refund", "../1"),
    ],
)
def test_the_order_of_a_url_is_read(target: str, order: str) -> None:
    place = place_of(CONTRACT, target)
    assert place is not None
    assert place.order == order


@pytest.mark.parametrize(
    "target", ["/v1/order/1", "/v1/order/1/refund/", "/v1/order/1/refunds", "/v1/order/1/2/refund", "/", ""]
)
def test_other_urls_are_none_of_the_operation(target: str) -> None:
    assert place_of(CONTRACT, target) is None


def test_a_prefix_that_is_given_must_stand_there() -> None:
    assert place_of(CONTRACT, "/api/v1/order/1/refund", "/api") is not None
    assert place_of(CONTRACT, "/api/v1/order/1/refund", "") is None


def test_nothing_is_promised_of_a_preflight_request() -> None:
    assert is_judged(CONTRACT, "GET")
    assert not is_judged(CONTRACT, "OPTIONS")
    assert is_login(CONTRACT, "/v1/login_check?x")
