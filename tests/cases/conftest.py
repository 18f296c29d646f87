"""Make every test compute the cases that it looks at, so that a mutation tester finds it concerned with them."""

import pytest

from refund_conformance.cases import all_cases
from refund_conformance.cases.payloads import fields, headers


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    all_cases.cache_clear()
    headers.forgeries.cache_clear()
    fields._validator.cache_clear()
