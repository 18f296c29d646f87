"""Route: the URL, the method and the order id in the path."""

import pytest

from refund_conformance.app.pytest_plugin.fixture import Target
from refund_conformance.cases.case import Case


@pytest.mark.clause("route.unknown-url")
def test_unknown_url(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("route.method")
def test_method(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("route.order-id")
def test_order_id(case: Case, target: Target) -> None:
    target.check(case)
