"""Caller: an account whose configuration cannot be identified."""

import pytest

from refund_conformance.app.pytest_plugin.fixture import Target
from refund_conformance.cases.case import Case


@pytest.mark.clause("caller.configuration")
def test_configuration(case: Case, target: Target) -> None:
    target.check(case)
