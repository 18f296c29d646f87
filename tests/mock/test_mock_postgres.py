"""The mock on PostgreSQL, with several workers. Skipped where there is no server, unless one is demanded."""

import os
import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from mock_process import process_mock
from mock_wire import VALID, Wire, many_wires
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from test_mock_service import together

from refund_conformance.mock.admin import Upkeep
from refund_conformance.mock.server import running
from refund_conformance.mock.settings import MockSettings
from refund_conformance.mock.store import Store

URL = os.environ.get("REFUND_CONFORMANCE_POSTGRES", "")
DEMANDED = os.environ.get("REFUND_CONFORMANCE_REQUIRE_SERVICES") == "1"

pytestmark = pytest.mark.skipif(
    not URL and not DEMANDED, reason="no PostgreSQL: REFUND_CONFORMANCE_POSTGRES has no URL"
)


@pytest.fixture
def database() -> Iterator[str]:
    """A database of its own for each test."""
    if not URL:
        pytest.fail("REFUND_CONFORMANCE_REQUIRE_SERVICES is 1, and REFUND_CONFORMANCE_POSTGRES has no URL")
    url = make_url(URL).set(drivername="postgresql+psycopg")
    name = f"refund_mock_{secrets.token_hex(6)}"
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
    except OperationalError as problem:
        if DEMANDED:
            raise
        pytest.skip(f"PostgreSQL does not answer: {problem.orig}")
    yield url.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


def test_every_group_is_answered_by_its_state(database: str) -> None:
    expected: dict[str, tuple[int, list[int]]] = {
        "refundable": (200, []),
        "not_paid": (400, [15030]),
        "zero_price": (400, [15040]),
        "refund_new": (400, [15050]),
        "refund_processing": (400, [15050]),
        "refund_finished": (200, []),
        "foreign": (404, [15060]),
        "unknown": (404, [15060]),
    }
    with running(MockSettings(database=database)) as mock, Wire(mock) as wire:
        assert {group: wire.refund(wire.ids(group)[1]).short for group in expected} == expected
        for group in expected:
            order = wire.ids(group)[-1]
            assert wire.refund(order, {"description": 1}).status in (400, 404)
        assert wire.refund("9" * 18).short == (404, [15060])


@pytest.mark.parametrize("description", ["\0", "\ud800", "😀" * 500])
def test_any_description_is_kept(database: str, description: str) -> None:
    with running(MockSettings(database=database)) as mock, Wire(mock) as wire:
        order = wire.ids("refundable")[0]
        assert wire.refund(order, {**VALID, "description": description}).status == 200
        assert wire.ask("GET", f"/_mock/orders/{order}").json["refund_requests"][0]["description"] == description


def test_a_life_cycle(database: str) -> None:
    with running(MockSettings(database=database)) as mock, Wire(mock) as wire:
        order = wire.ids("refundable")[0]
        assert wire.refund(order).status == 200
        wire.ask("POST", f"/_mock/orders/{order}/advance", {"to": "completed", "extent": "part"})
        assert wire.refund(order).status == 200
        wire.ask("POST", f"/_mock/orders/{order}/advance", {"to": "completed", "extent": "full"})
        assert wire.refund(order).short == (400, [15030])
        assert wire.ask("POST", "/_mock/reset").status == 200
        assert wire.refund(order).status == 200


def test_of_a_thousand_simultaneous_requests_one_is_accepted_by_several_workers(database: str) -> None:
    with process_mock(MockSettings(workers=3, database=database)) as mock, many_wires(mock, 1000) as wires:
        order, *_ = wires[0].ids("refundable")
        found = [reply.short for reply in together(wires, order)]
    assert sorted(found) == [(200, [])] + [(400, [15050])] * 999


def test_refunds_and_completions_at_the_same_time_keep_the_rules(database: str) -> None:
    """No refund request is created for an order that a completion in full has just deleted."""
    with running(MockSettings(database=database, refundable=20)) as mock, ThreadPoolExecutor(5) as pool:
        for order in mock.mock.samples.groups["refundable"]:
            assert mock.mock.store.create_refund_request(order, "a@b.c", None)
            start = threading.Barrier(5)
            creations = [pool.submit(_create, mock.mock.store, order, start) for _ in range(4)]
            pool.submit(_complete, mock.mock.upkeep, order, start).result(30)
            assert not any(creation.result(30) for creation in creations)
            assert mock.mock.upkeep.tell(order)["status"] == "deleted"


def _create(store: Store, order: int, start: threading.Barrier) -> bool:
    start.wait(10)
    created = [store.create_refund_request(order, "a@b.c", None) for _ in range(10)]
    return any(created)


def _complete(upkeep: Upkeep, order: int, start: threading.Barrier) -> None:
    start.wait(10)
    upkeep.advance(order)
    upkeep.advance(order, extent="full")


def test_an_accepted_request_survives_kill_9(database: str) -> None:
    settings = MockSettings(database=database, control=False)
    with process_mock(settings) as mock, Wire(mock) as wire:
        order = wire.ids("refundable")[0]
        assert wire.refund(order).status == 200
        mock.kill()
    with process_mock(settings) as mock, Wire(mock) as wire:
        assert wire.refund(order).short == (400, [15050])


def test_a_key_rotation_reaches_the_other_workers(database: str) -> None:
    """Two servers on one database: what one signs, the other accepts."""
    with (
        running(MockSettings(database=database)) as one,
        running(MockSettings(database=database)) as other,
        Wire(one) as here,
        Wire(other) as there,
    ):
        here.ask("POST", "/_mock/keys/rotate")
        token = here.ask("POST", "/_mock/tokens").json["token"]
        order = there.ids("not_paid")[0]
        assert there.refund(order, headers=there.headers(token)).short == (400, [15030])


def test_the_control_api_makes_orders_with_several_workers(database: str) -> None:
    with process_mock(MockSettings(workers=2, database=database)) as mock, many_wires(mock, 8) as wires:
        made = [wire.ask("POST", "/_mock/orders", {"count": 20}).json["orders"] for wire in wires]
        orders = [order for some in made for order in some]
        assert len(set(orders)) == 8 * 20
        assert all(wires[place % 8].refund(order).status == 200 for place, order in enumerate(orders[::20]))
