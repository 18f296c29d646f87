"""Make every test compute what it looks at: a mutation tester tells by that which tests concern which function."""

import pytest

from refund_conformance.cases.payloads import fields, headers


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    headers.forgeries.cache_clear()
    fields._validator.cache_clear()


@pytest.fixture(autouse=True, scope="session")
def _keys_of_this_process() -> None:
    headers._key.cache_clear()
    headers._certificate.cache_clear()
