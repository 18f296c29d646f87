"""Partitions: what shares an order goes one after another, and what must be accepted proves the rest harmless."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine_stage import CASES, CONTRACT, EVERY_CLAUSE
from refund_conformance.cases import explorations
from refund_conformance.cases.case import plain_case
from refund_conformance.engine.bisection import NO_EFFECT
from refund_conformance.engine.partitions import (
    ACCEPTED,
    COMBINED,
    ORDERS,
    PARTITIONS,
    SHARED_ORDERS,
    joints,
    must_be_accepted,
    partition_of,
    partition_of_drawn,
    shared_order_of,
)
from refund_conformance.engine.registry import SCENARIOS

SHARED = joints(CONTRACT, EVERY_CLAUSE)
REFUSED = [case for case in CASES.values() if case.situation.wrong and case.group == "refundable"]


def test_every_way_in_which_a_request_is_wrong_has_its_shared_order() -> None:
    assert set(SHARED_ORDERS) == {part for part, _ in CONTRACT.outcomes}
    assert {shared_order_of(case) for case in REFUSED} == set(SHARED_ORDERS.values())


def test_what_is_wrong_in_several_parts_or_in_none_or_breaks_off_shares_an_order() -> None:
    several = [case for case in REFUSED if len(case.situation.wrong) > 1]
    cut = [case for case in REFUSED if case.draft.framing.is_cut]
    assert several
    assert cut
    assert {shared_order_of(case) for case in (*several, *cut, plain_case(CONTRACT))} == {COMBINED}


def test_every_case_is_in_a_lane_and_every_lane_has_one() -> None:
    assert len(set(PARTITIONS)) == len(PARTITIONS)
    partitions = {partition_of(case, SHARED) for case in CASES.values()}
    assert partitions | {scenario.partition for scenario in SCENARIOS.values()} == set(PARTITIONS)


def test_whatever_goes_to_a_shared_order_is_in_one_lane() -> None:
    partitions: dict[str, set[str]] = {}
    for case in REFUSED:
        partitions.setdefault(shared_order_of(case), set()).add(partition_of(case, SHARED))
    for id_, joint in SHARED.items():
        partitions[joint.shared_order].add(partition_of(CASES[id_], SHARED))
    for clause, bench in NO_EFFECT.items():
        partitions[bench].add(SCENARIOS[clause].partition)
    assert partitions == {bench: {bench} for bench in partitions}


def test_what_is_asked_comes_after_what_tells_how_to_ask_in_one_lane() -> None:
    asked = [case for case in CASES.values() if case.is_asked]
    assert asked
    assert {partition_of(case, SHARED) for case in asked} == {COMBINED}
    assert {partition_of(case, SHARED) for case in REFUSED if len(case.situation.wrong) > 1} == {COMBINED}


@pytest.mark.whole
@pytest.mark.parametrize("clause", explorations(CONTRACT))
@given(data=st.data())
def test_drawn_cases_go_to_the_order_of_their_own_lane(clause: str, data: st.DataObject) -> None:
    case = data.draw(explorations(CONTRACT)[clause])
    if case.group == "refundable":
        assert shared_order_of(case) == partition_of_drawn(CONTRACT, clause)


def test_cases_of_orders_of_their_own_are_compared_in_one_lane() -> None:
    own = [case for case in CASES.values() if case.clause in ("order.foreign", "order.unknown", "order.once")]
    assert {partition_of(case, SHARED) for case in own if case.group != "refundable"} == {ORDERS}
    for clause in ("order.foreign", "order.once"):
        assert SCENARIOS[clause].partition == ORDERS


# ---- what must be accepted


def test_each_shared_order_gets_one_request_that_must_be_accepted() -> None:
    benches = {joint.joined.case.id: joint.shared_order for joint in SHARED.values()}
    assert sorted(benches.values()) == sorted({shared_order_of(case) for case in REFUSED})
    assert set(NO_EFFECT.values()) <= set(benches.values())


def test_every_case_that_must_be_accepted_is_in_one_joined_request() -> None:
    wanted = {case.id for case in CASES.values() if must_be_accepted(case)} - {plain_case(CONTRACT).id}
    assert set(SHARED) == wanted
    assert all(id_ in joint.joined.members for id_, joint in SHARED.items())


def test_requests_beyond_the_number_of_shared_orders_have_their_own() -> None:
    clauses = {"email.accepts", "email.null"}
    shared = joints(CONTRACT, clauses)
    assert [joint.shared_order for joint in shared.values()] == ["fields", ""]
    assert [partition_of(CASES[id_], shared) for id_ in shared] == ["fields", ACCEPTED]


def test_without_refused_requests_there_is_nothing_to_prove() -> None:
    assert {joint.shared_order for joint in joints(CONTRACT, {"email.accepts", "order.once"}).values()} == {""}


def test_joints_depend_on_the_chosen_clauses_alone() -> None:
    one, other = (joints(CONTRACT, sorted(EVERY_CLAUSE, reverse=reverse)) for reverse in (False, True))
    assert list(one) == list(other)
