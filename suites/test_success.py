"""Success: what every acceptance keeps to. Judged on each answer of the run; alone, on the plain request's."""

import pytest

from refund_conformance.app.pytest_plugin.fixture import Target
from refund_conformance.engine.registry import Scenario


@pytest.mark.clause("success")
def test_success(scenario: Scenario, target: Target) -> None:
    target.carry_out(scenario)
