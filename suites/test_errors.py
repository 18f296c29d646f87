"""Errors: what every error body keeps to. Judged on each answer of the run; alone, on one answer of each kind."""

import pytest

from refund_conformance.app.pytest_plugin.fixture import Target
from refund_conformance.cases.case import Case
from refund_conformance.engine.registry import Scenario


@pytest.mark.clause("errors.alone")
def test_several_wrong_parts(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("errors.alone")
def test_several_wrong_parts_drawn(target: Target) -> None:
    target.explore("errors.alone")


@pytest.mark.clause("errors")
def test_every_kind(scenario: Scenario, target: Target) -> None:
    target.carry_out(scenario)
