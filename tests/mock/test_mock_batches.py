"""Writes that share a commit are each told their own outcome, and never block an event loop."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from refund_conformance.mock.batches import Batches, WouldWaitError
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


def test_event_loops_learn_their_own_outcomes_while_they_go_on(store: Store) -> None:
    async def create(order: int) -> bool:
        return await store.create(order, "a@b.c", None)

    async def all_of_them() -> list[bool]:
        return await asyncio.gather(*(create(order) for order in (730001, 610001, 730001, 730002)))

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: asyncio.run(all_of_them()), range(2)))
    assert [sum(each) for each in zip(*found, strict=True)][1] == 0
    assert sum(map(sum, found)) == 2
    assert store.history(730001) == store.history(730002) == (Progress.NEW,)


def test_a_failure_reaches_everybody_who_asked() -> None:
    def fail(questions: Sequence[int]) -> list[int]:
        raise LookupError(len(questions))

    batches = Batches(fail)
    with pytest.raises(LookupError):
        batches.run(1)
    with pytest.raises(LookupError):
        asyncio.run(batches.ask(2))
    batches.close()


def test_a_caller_that_goes_away_harms_nobody() -> None:
    go_on = threading.Event()

    def wait(questions: Sequence[int]) -> list[int]:
        go_on.wait(10)
        return [question * 2 for question in questions]

    batches = Batches(wait)

    async def leave() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(batches.ask(1), 0.01)
        go_on.set()

    asyncio.run(leave())
    assert batches.run(4) == 8
    batches.close()
