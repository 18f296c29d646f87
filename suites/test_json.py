"""JSON: what is none, what is no object, and every valid spelling of an object."""

import pytest

from refund_conformance.app.pytest_plugin.fixture import Target
from refund_conformance.cases.case import Case
from refund_conformance.engine.registry import Scenario


@pytest.mark.clause("json.malformed")
def test_malformed(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("json.malformed")
def test_malformed_drawn(target: Target) -> None:
    target.explore("json.malformed")


@pytest.mark.clause("json.encoding")
def test_encoding(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("json.structure")
def test_structure(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("json.valid-forms")
def test_valid_forms(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("json.chunked")
def test_chunked(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("json.incomplete")
def test_incomplete(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("json.incomplete")
def test_incomplete_has_no_effect(scenario: Scenario, target: Target) -> None:
    target.carry_out(scenario)


@pytest.mark.clause("json.no-effect")
def test_no_effect(scenario: Scenario, target: Target) -> None:
    target.carry_out(scenario)
