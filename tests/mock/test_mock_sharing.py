"""Several servers on one SQLite file: what one changes the others know, and nobody else may read it."""

import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jwt
import pytest
from mock_process import process_mock
from mock_wire import Wire, many_wires

from refund_conformance.contract.errors import UsageError
from refund_conformance.mock.admin import Upkeep
from refund_conformance.mock.samples import samples
from refund_conformance.mock.server import running
from refund_conformance.mock.settings import MockSettings
from refund_conformance.mock.store import Store

pytestmark = pytest.mark.whole


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/mock.db"


@pytest.fixture
def wires(database: str) -> Iterator[tuple[Wire, Wire]]:
    settings = MockSettings(database=database)
    with running(settings) as one, running(settings) as other, Wire(one) as here, Wire(other) as there:
        yield here, there


def test_a_new_key_is_known_to_the_others_at_once(wires: tuple[Wire, Wire]) -> None:
    here, there = wires
    for _ in range(2):
        kid = here.ask("POST", "/_mock/keys/rotate").json["kid"]
        token = here.ask("POST", "/_mock/tokens").json["token"]
        assert jwt.get_unverified_header(token)["kid"] == kid
        assert there.refund(there.ids("not_paid")[0], headers=there.headers(token)).short == (400, [15030])
    kid = here.ask("POST", "/_mock/keys/rotate").json["kid"]
    assert kid in [key["kid"] for key in there.ask("GET", "/.well-known/jwks.json").json["keys"]]
    kid = here.ask("POST", "/_mock/keys/rotate").json["kid"]
    assert jwt.get_unverified_header(there.ask("POST", "/_mock/tokens").json["token"])["kid"] == kid


def test_orders_and_their_lives_are_shared(wires: tuple[Wire, Wire]) -> None:
    here, there = wires
    (order,) = here.ask("POST", "/_mock/orders").json["orders"]
    assert there.refund(order).status == 200
    assert here.refund(order).short == (400, [15050])
    there.ask("POST", f"/_mock/orders/{order}/advance", {"to": "completed", "extent": "full"})
    assert here.refund(order).short == (400, [15030])


def test_orders_made_by_several_at_once_are_different_ones(database: str) -> None:
    stores = [Store(database) for _ in range(3)]
    stores[0].create_tables()
    makers = [Upkeep(store, samples(0)) for store in stores]
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda number: makers[number % 3].make("refundable", 5), range(30)))
    for store in stores:
        store.close()
    assert len({order for orders in made for order in orders}) == 30 * 5


def test_the_file_is_for_its_owner_alone(database: str, tmp_path: Path) -> None:
    with running(MockSettings(database=database)) as mock, Wire(mock) as wire:
        assert wire.refund(wire.ids("refundable")[0]).status == 200
        rights = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert rights == dict.fromkeys(("mock.db", "mock.db-shm", "mock.db-wal"), 0o600)


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match="nowhere"),
        running(MockSettings(database=f"sqlite:///{tmp_path}/nowhere/x")),
    ):
        pass


def test_with_several_workers_the_control_api_does_what_the_database_can(database: str) -> None:
    with process_mock(MockSettings(workers=2, database=database)) as mock, many_wires(mock, 6) as wires:
        orders = [
            order for wire in wires for order in wire.ask("POST", "/_mock/orders", {"count": 2}).json["orders"]
        ]
        assert len(set(orders)) == 12
        assert [wire.refund(order).status for wire, order in zip(wires, orders, strict=False)] == [200] * 6
        for method, path in (
            ("GET", "/_mock/requests"),
            ("DELETE", "/_mock/requests"),
            ("PUT", "/_mock/settings"),
        ):
            reply = wires[0].ask(method, path, {})
            assert reply.status == 400
            assert "there are 2: serve with one worker" in reply.json["error"]
