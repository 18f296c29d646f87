"""Authorization: missing, malformed, forged and expired tokens, and what a refusal must not do."""

import pytest

from refund_conformance.app.pytest_plugin.fixture import Target
from refund_conformance.cases.case import Case
from refund_conformance.engine.registry import Scenario


@pytest.mark.clause("auth.missing")
def test_missing(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("auth.malformed")
def test_malformed(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("auth.forged")
def test_forged(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("auth.expired")
def test_expired(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("auth.accepts")
def test_accepts(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("auth.codes")
def test_codes(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("auth.first")
def test_first(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("auth.first")
def test_first_drawn(target: Target) -> None:
    target.explore("auth.first")


@pytest.mark.clause("auth.first")
def test_unauthenticated_answers_match(scenario: Scenario, target: Target) -> None:
    target.carry_out(scenario)


@pytest.mark.clause("auth.every-request")
def test_every_request(scenario: Scenario, target: Target) -> None:
    target.carry_out(scenario)


@pytest.mark.clause("auth.no-effect")
def test_no_effect(scenario: Scenario, target: Target) -> None:
    target.carry_out(scenario)
