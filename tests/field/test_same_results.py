"""A run finds the same with one request at a time, with several in flight, and in shards put together."""

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import replace

import pytest

from engine_stage import CONTRACT
from refund_conformance.engine.partitions import PARTITIONS
from refund_conformance.mock.faults import catalogue
from refund_conformance.mock.settings import MockSettings
from whole_runs import Plan, Whole, under_way

WAYS: dict[str, Plan] = {
    "alone": Plan(),
    "two in flight": Plan(in_flight=2),
    "eight in flight": Plan(in_flight=8),
}
OTHERS = [way for way in WAYS if way != "alone"]
FAULTY_OTHERS = ("eight in flight",)
SHARDS = 5
IN_SHARDS = Plan(shards=[f"{number}/{SHARDS}" for number in range(1, SHARDS + 1)])
FAULTS = (
    "auth-expired-with-effect",
    "json-lenient-truncated",
    "desc-counted-in-bytes",
    "email-null-500",
    "order-foreign-message",
    "race-check-then-act",
)
PLANS = {
    **{f"lawful, {way}": plan for way, plan in WAYS.items()},
    "lawful, in shards": IN_SHARDS,
    "desc-counted-in-bytes, in shards": replace(
        IN_SHARDS, mock=MockSettings(refundable=60, faults=("desc-counted-in-bytes",))
    ),
    **{
        f"{fault}, {way}": replace(plan, mock=MockSettings(refundable=60, faults=(fault,)))
        for fault in FAULTS
        for way, plan in WAYS.items()
        if way in ("alone", *FAULTY_OTHERS)
    },
}


@pytest.fixture(scope="module")
def wholes() -> Iterator[Mapping[str, Future[list[Whole]]]]:
    with under_way(PLANS) as started:
        yield started


def the(wholes: Mapping[str, Future[list[Whole]]], name: str) -> Whole:
    return wholes[name].result()[0]


def outcomes(whole: Whole) -> Mapping[str, str]:
    """Return the outcome of each case; each has one."""
    kept = Counter(event["case"] for event in whole.kept("case"))
    assert set(kept.values()) == {1}, kept.most_common(3)
    return {event["case"]: event["outcome"] for event in whole.kept("case")}


def counts(whole: Whole) -> tuple[int, Mapping[str, int], int, int]:
    """Return what a run cost: requests and orders as it tells, requests and acceptances as the target saw them."""
    told = whole.conformance
    return told["requests"], told["orders"], len(whole.journal), whole.accepted


def test_alone_every_clause_holds_on_a_lawful_mock(wholes: Mapping[str, Future[list[Whole]]]) -> None:
    whole = the(wholes, "lawful, alone")
    assert whole.status == 0
    assert whole.with_result("held") == set(CONTRACT.clauses)


@pytest.mark.parametrize("way", OTHERS)
def test_each_case_has_the_same_outcome_on_a_lawful_mock(
    way: str, wholes: Mapping[str, Future[list[Whole]]]
) -> None:
    alone, other = the(wholes, "lawful, alone"), the(wholes, f"lawful, {way}")
    assert other.status == 0
    assert other.results == alone.results
    assert outcomes(other) == outcomes(alone)


@pytest.mark.parametrize("way", OTHERS)
def test_a_run_costs_the_same_on_a_lawful_mock(way: str, wholes: Mapping[str, Future[list[Whole]]]) -> None:
    alone, other = the(wholes, "lawful, alone"), the(wholes, f"lawful, {way}")
    assert counts(other) == counts(alone)


@pytest.mark.parametrize("way", OTHERS)
def test_the_same_questions_are_answered_alike(way: str, wholes: Mapping[str, Future[list[Whole]]]) -> None:
    alone, other = the(wholes, "lawful, alone"), the(wholes, f"lawful, {way}")
    assert other.conformance["questions"] == alone.conformance["questions"]


@pytest.mark.parametrize("name", [name for name in PLANS if "shards" not in name])
def test_no_order_is_leased_twice_and_no_number_given_twice(
    name: str, wholes: Mapping[str, Future[list[Whole]]]
) -> None:
    whole = the(wholes, name)
    leased = [event["order"] for event in whole.kept("leased")]
    numbers = [event["number"] for event in whole.kept("exchange")]
    assert len(set(leased)) == len(leased)
    assert len(set(numbers)) == len(numbers)
    assert whole.events[-1]["event"] == "end"


@pytest.mark.parametrize("way", FAULTY_OTHERS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_alike(fault: str, way: str, wholes: Mapping[str, Future[list[Whole]]]) -> None:
    alone, other = the(wholes, f"{fault}, alone"), the(wholes, f"{fault}, {way}")
    assert alone.status == other.status == 1
    assert catalogue()[fault].clause in alone.with_result("violated")
    assert other.results == alone.results


@pytest.mark.parametrize(("mock", "status"), [("lawful", 0), ("desc-counted-in-bytes", 1)])
def test_shards_that_are_merged_are_one_run(
    mock: str, status: int, wholes: Mapping[str, Future[list[Whole]]]
) -> None:
    alone, merged = the(wholes, f"{mock}, alone"), the(wholes, f"{mock}, in shards")
    assert 1 < SHARDS <= len(PARTITIONS)
    assert merged.status == alone.status == status
    assert merged.results == alone.results
    assert outcomes(merged) == outcomes(alone)
    assert {row["id"]: row["observed"] for row in merged.conformance["questions"]} == {
        row["id"]: row["observed"] for row in alone.conformance["questions"]
    }
