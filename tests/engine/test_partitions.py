"""Lanes: what shares an order goes one after another, and what must be accepted shows that nothing else was."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine_stage import CASES, CONTRACT, EVERY_CLAUSE
from refund_conformance.cases import explorations
from refund_conformance.cases.case import plain_case
from refund_conformance.engine.bisection import NO_EFFECT
from refund_conformance.engine.partitions import (
    ACCEPTED,
    BENCHES,
    COMBINED,
    CUT,
    LANES,
    ORDERS,
    QUESTIONS,
    bench_of,
    bench_of_first_wrong,
    lane_of,
    lane_of_clause,
    must_be_accepted,
    proofs,
)

SHARED = proofs(CONTRACT, EVERY_CLAUSE)
REFUSED = [case for case in CASES.values() if case.situation.wrong and case.group == "refundable"]


def test_every_way_in_which_a_request_is_wrong_has_its_shared_order() -> None:
    assert set(BENCHES) == {part for part, _ in CONTRACT.outcomes}
    assert {bench_of(case) for case in REFUSED} == {*BENCHES.values(), COMBINED, CUT}
    assert {bench_of_first_wrong(case) for case in REFUSED} == set(BENCHES.values())


def test_what_is_not_wrong_shares_the_order_of_questions() -> None:
    assert bench_of(plain_case(CONTRACT)) == bench_of_first_wrong(plain_case(CONTRACT)) == QUESTIONS


def test_several_wrong_parts_share_an_order_of_their_own() -> None:
    several = [case for case in REFUSED if len(case.situation.wrong) > 1]
    assert several
    assert {bench_of(case) for case in several} == {COMBINED}


def test_every_case_is_in_a_lane_and_every_lane_has_one() -> None:
    assert len(set(LANES)) == len(LANES)
    assert {lane_of(case, SHARED) for case in CASES.values()} == set(LANES) - {
        lane_of_clause(CONTRACT, clause) for clause in ("order.lifecycle", "order.race")
    }


@pytest.mark.parametrize("clause", CONTRACT.clauses)
def test_a_check_of_several_requests_is_in_a_lane(clause: str) -> None:
    assert lane_of_clause(CONTRACT, clause) in LANES


def test_whatever_goes_to_a_shared_order_is_in_one_lane() -> None:
    lanes: dict[str, set[str]] = {}
    for case in REFUSED:
        lanes.setdefault(bench_of(case), set()).add(lane_of(case, SHARED))
    for id_, bench in SHARED.items():
        lanes[bench].add(lane_of(CASES[id_], SHARED))
    for bench, clause in NO_EFFECT.items():
        lanes[bench].add(lane_of_clause(CONTRACT, clause))
    lanes[BENCHES["authorization"]].add(lane_of_clause(CONTRACT, "auth.every-request"))
    lanes[BENCHES["field"]].add(lane_of_clause(CONTRACT, "server.steady"))
    lanes[COMBINED].add(lane_of_clause(CONTRACT, "auth.first"))
    assert lanes == {bench: {bench} for bench in lanes}


def test_what_is_asked_comes_after_what_tells_how_to_ask_in_one_lane() -> None:
    asked = [case for case in CASES.values() if case.situation.questions and not case.situation.wrong]
    assert asked
    assert {lane_of(case, SHARED) for case in asked} == {COMBINED}
    assert {lane_of(case, SHARED) for case in REFUSED if len(case.situation.wrong) > 1} == {COMBINED}


@pytest.mark.whole
@pytest.mark.parametrize("clause", explorations(CONTRACT))
@given(data=st.data())
def test_drawn_cases_go_to_the_order_of_their_own_lane(clause: str, data: st.DataObject) -> None:
    case = data.draw(explorations(CONTRACT)[clause])
    if case.group == "refundable":
        assert bench_of(case) == lane_of_clause(CONTRACT, clause)


def test_cases_of_orders_of_their_own_are_compared_in_one_lane() -> None:
    own = [case for case in CASES.values() if case.clause in ("order.foreign", "order.unknown", "order.once")]
    assert {lane_of(case, SHARED) for case in own if case.group != "refundable"} == {ORDERS}
    for clause in ("order.foreign", "order.once"):
        assert lane_of_clause(CONTRACT, clause) == ORDERS


# ---- proofs


def test_each_shared_order_gets_one_request_that_must_be_accepted() -> None:
    assert all(must_be_accepted(CASES[id_]) for id_ in SHARED)
    assert set(Counter(SHARED.values()).values()) == {1}
    assert set(SHARED.values()) <= {bench_of(case) for case in REFUSED}
    assert set(NO_EFFECT) <= set(SHARED.values())


def test_the_request_that_begins_the_run_proves_nothing() -> None:
    assert plain_case(CONTRACT).id not in SHARED


def test_requests_beyond_the_number_of_shared_orders_have_their_own() -> None:
    clauses = {"email.accepts", "email.null"}
    accepted = [case for case in CASES.values() if case.clause in clauses and must_be_accepted(case)]
    shared = proofs(CONTRACT, clauses)
    assert len(accepted) > 1
    assert shared == {accepted[0].id: "fields"}
    assert [lane_of(case, shared) for case in accepted[1:]] == [ACCEPTED] * (len(accepted) - 1)


def test_without_refused_requests_there_is_nothing_to_prove() -> None:
    assert proofs(CONTRACT, {"email.accepts", "order.once"}) == {}


def test_proofs_depend_on_the_chosen_clauses_alone() -> None:
    assert proofs(CONTRACT, sorted(EVERY_CLAUSE)) == proofs(CONTRACT, sorted(EVERY_CLAUSE, reverse=True))
