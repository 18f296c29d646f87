"""A mock for each test module, and one for each test that changes what others read."""

from collections.abc import Iterator

import pytest
from mock_wire import Wire

from refund_conformance.mock.server import running


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    with running() as mock, Wire(mock) as wire:
        yield wire
