"""Server: it answers, without crashing, and the same each time. Judged on each answer of the run."""

import pytest

from refund_conformance.app.pytest_plugin.fixture import Target
from refund_conformance.cases.case import Case
from refund_conformance.engine.registry import Scenario


@pytest.mark.clause("server")
def test_strain(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("server.steady")
def test_steady(scenario: Scenario, target: Target) -> None:
    target.carry_out(scenario)


@pytest.mark.clause("server.isolation")
def test_isolation(scenario: Scenario, target: Target) -> None:
    target.carry_out(scenario)
