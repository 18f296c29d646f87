"""Content type: application/json, and nothing else."""

import pytest

from refund_conformance.app.pytest_plugin.fixture import Target
from refund_conformance.cases.case import Case


@pytest.mark.clause("content-type.missing")
def test_missing(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("content-type.other")
def test_other(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("content-type.other")
def test_other_drawn(target: Target) -> None:
    target.explore("content-type.other")


@pytest.mark.clause("content-type.exact")
def test_exact(case: Case, target: Target) -> None:
    target.check(case)
