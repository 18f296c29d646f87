"""The order in which checks add most, and what a run with few requests makes of it."""

from collections import Counter
from pathlib import Path

import pytest

from engine_stage import CASES, CONTRACT
from refund_conformance.app import check_order
from refund_conformance.app.budget import Check, affordable
from refund_conformance.app.check_order import Seen, Step, ordered
from refund_conformance.engine.partitions import joints
from refund_conformance.engine.registry import Circumstances
from refund_conformance.sut.profile import PROFILES

SMOKE = Circumstances(CONTRACT, PROFILES["smoke"], CONTRACT.clauses)


def test_what_sees_most_comes_first_and_what_is_seen_already_adds_nothing() -> None:
    seen = {"a": {"x", "y"}, "b": {"x"}, "c": {"z"}, "d": {"y", "z"}}
    assert list(ordered(seen, lambda check: 1))[:2] == [Step("x", 2), Step("z", 2)]
    assert Step("y", 0) in list(ordered(seen, lambda check: 1))


def test_a_dear_check_must_see_more() -> None:
    seen = {"a": {"dear"}, "b": {"dear"}, "c": {"cheap"}}
    assert next(ordered(seen, lambda check: 3 if check == "dear" else 1)) == Step("cheap", 1)


def test_a_fault_is_looked_for_by_what_names_its_clause(tmp_path: Path) -> None:
    path = tmp_path / "order.json"
    seen = Seen("f", "email.null", frozenset({"email.null/null", "fields.message-names-field/email"}))
    assert check_order.write([seen], CONTRACT, path) == 1
    assert "email.null/null" in path.read_text()


def test_every_step_that_was_kept_is_a_check_of_the_suites() -> None:
    known = {*CASES, *CONTRACT.clauses}
    assert [step.check for step in check_order.load() if step.check not in known] == []
    assert max(Counter(step.check for step in check_order.load()).values()) == 1


def test_more_requests_see_more() -> None:
    shares = [share for _, share in check_order.curve(CONTRACT, [0, 40, 100, 400])]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[-1] == 1


@pytest.mark.parametrize("requests", [20, 40, 100])
def test_with_few_requests_the_checks_that_add_most_are_carried_out(requests: int) -> None:
    shared = joints(CONTRACT, CONTRACT.clauses)
    checks = [Check(case.clause, case) for case in CASES.values()]
    kept = affordable(checks, shared, SMOKE, requests, 8)
    chosen = {check.id for check, is_kept in zip(checks, kept, strict=True) if is_kept}
    first = [step.check for step in check_order.load()][:10]
    assert set(first) <= chosen
    assert len(chosen) < requests + len(shared)


def test_promises_of_one_request_are_paid_for_once() -> None:
    shared = joints(CONTRACT, CONTRACT.clauses)
    members = next(iter(shared.values())).joined.members
    checks = [Check(CASES[id_].clause, CASES[id_]) for id_ in members]
    assert affordable(checks, shared, SMOKE, 8, 2) == [True] * len(members)
