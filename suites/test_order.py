"""Orders: the states in which a refund request is possible, and whose orders they are."""

import pytest

from refund_conformance.app.pytest_plugin.fixture import Target
from refund_conformance.cases.case import Case
from refund_conformance.engine.registry import Scenario


@pytest.mark.clause("order.refundable")
def test_refundable(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("order.not-paid")
def test_not_paid(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("order.zero-price")
def test_zero_price(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("order.refund-open")
def test_refund_open(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("order.refund-ended")
def test_refund_ended(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("order.unknown")
def test_unknown(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("order.foreign")
def test_foreign(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("order.foreign")
def test_foreign_as_unknown(scenario: Scenario, target: Target) -> None:
    target.carry_out(scenario)


@pytest.mark.clause("order.once")
def test_once(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("order.once")
def test_once_at_last(scenario: Scenario, target: Target) -> None:
    target.carry_out(scenario)


@pytest.mark.clause("order.race")
def test_race(scenario: Scenario, target: Target) -> None:
    target.carry_out(scenario)


@pytest.mark.clause("order.lifecycle")
def test_lifecycle(scenario: Scenario, target: Target) -> None:
    target.carry_out(scenario)
