"""Fields of the body: the clauses of each field in the request schema, and those about all of them."""

import pytest

from refund_conformance.app.pytest_plugin.fixture import Target
from refund_conformance.cases.case import Case
from refund_conformance.engine.registry import Scenario


@pytest.mark.clause("<field>")
def test_field(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("<field>")
def test_field_drawn(explored: str, target: Target) -> None:
    target.explore(explored)


@pytest.mark.clause("fields.name")
def test_name(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("fields.all-reported")
def test_all_reported(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("fields.message-names-field")
def test_message_names_field(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("fields.no-effect")
def test_no_effect(scenario: Scenario, target: Target) -> None:
    target.carry_out(scenario)
