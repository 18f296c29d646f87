"""Server: it answers, without crashing, and the same each time. Judged on each answer of the run."""

import pytest

from refund_conformance.app.pytest_plugin.fixture import Target
from refund_conformance.cases.case import Case


@pytest.mark.clause("server")
def test_strain(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("server.steady", phase="together")
def test_steady(target: Target) -> None:
    target.check_steady()


@pytest.mark.clause("server.isolation", phase="together")
def test_isolation(target: Target) -> None:
    target.check_isolation()
