"""Writes that share a commit are each told their own outcome, and never block an event loop."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from refund_conformance.mock.batches import WouldWaitError
from refund_conformance.mock.samples import samples
from refund_conformance.mock.store import Store
from refund_conformance.mock.tables import Progress


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{tmp_path}/mock.db")
    store.create_tables()
    store.add_orders(samples(100).orders)
    yield store
    store.close()


def test_each_order_is_taken_once(store: Store) -> None:
    orders = [number for number in range(730001, 730101) for _ in range(5)]
    with ThreadPoolExecutor(50) as pool:
        created = list(pool.map(lambda order: store.create_refund_request(order, "a@b.c", None), orders))
    assert sum(created) == 100
    assert all(store.history(order) == (Progress.NEW,) for order in range(730001, 730101))


@pytest.mark.parametrize("order", [610001, 610012, 620001, 630001, 640001, 990001])
def test_the_store_itself_refuses_what_the_states_forbid(store: Store, order: int) -> None:
    assert store.create_refund_request(order, "a@b.c", None) is False


def test_an_event_loop_is_not_kept_waiting(store: Store) -> None:
    async def create() -> bool:
        return store.create_refund_request(730001, "a@b.c", None)

    with pytest.raises(WouldWaitError):
        asyncio.run(create())
    assert store.history(730001) == ()
